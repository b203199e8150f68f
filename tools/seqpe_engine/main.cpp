#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "engine/config/load.h"
#include "kernels/common/error.h"
#include "tools/seqpe_engine/commands.h"

namespace {

constexpr int kUsage = 2;

/// CLI11 names the word that it does not know; say which command is nearest.
void suggest_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  if (std::find(names.begin(), names.end(), argv[1]) != names.end()) return;
  fmt::print(stderr, "seqpe_engine: '{}' is no command. Did you mean '{}'?\n", argv[1],
             seqpe::config::nearest(argv[1], names));
}

/// In single quotes where a shell would read something else.
std::string quoted(const std::string& word) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=,:+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// Threads that wait for each other spin for some 20 us and then sleep: beside other work on the
/// same cores spinning on makes a step up to ten times longer, and sleeping at once costs a tenth on
/// idle ones. OpenMP reads its variables when it is loaded, so the program starts once more.
void let_waiting_threads_sleep(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  ::setenv("OMP_WAIT_POLICY", "passive", 1);
  ::setenv("GOMP_SPINCOUNT", "1000", 1);
  ::execv("/proc/self/exe", argv);  // where it fails, the threads spin
}

int run(int argc, char** argv) {
  // A file over the size limit is an error of that write, not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  seqpe::tools::command_line() = "seqpe_engine";
  for (int i = 1; i < argc; ++i) seqpe::tools::command_line() += " " + quoted(argv[i]);

  CLI::App app{"Transformers with sequential position encoding (SeqPE), from scratch."};
  app.footer(
      "  seqpe_engine train lm                          the quick start: about a minute, no "
      "download\n"
      "  seqpe_engine train lm --config lm_novels_small --set data.path=text.txt\n"
      "  seqpe_engine eval lm --checkpoint RUN --data text.txt --lengths 128,256,512\n"
      "  seqpe_engine config keys                       every option with its default");
  app.formatter(std::make_shared<seqpe::tools::HelpFormatter>());
  app.name("seqpe_engine");
  app.set_version_flag("--version", seqpe::tools::version_text,
                       "Show version, commit and what was built in");
  app.require_subcommand(1);
  seqpe::tools::add_train_command(app);
  seqpe::tools::add_eval_command(app);
  seqpe::tools::add_config_command(app);
  seqpe::tools::add_bench_command(app);
  seqpe::tools::add_doctor_command(app);
  try {
    app.parse(argc, argv);
    return seqpe::tools::exit_code();
  } catch (const CLI::ParseError& error) {
    const bool asked_for_text = error.get_exit_code() == 0;
    app.exit(error);
    if (!asked_for_text) suggest_command(app, argc, argv);
    return asked_for_text ? 0 : kUsage;
  } catch (const seqpe::StoppedError& stopped) {
    fmt::print(stderr, "seqpe_engine: {}\n", stopped.what());
    return stopped.exit_code();
  } catch (const seqpe::Error& error) {
    fmt::print(stderr, "seqpe_engine: error: {}\n", error.what());
    return error.exit_code();
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "seqpe_engine: error: [cpu] out of memory.\n");
    return seqpe::DeviceError("").exit_code();
  } catch (const std::exception& error) {
    fmt::print(stderr, "seqpe_engine: error: {}\n", error.what());
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  let_waiting_threads_sleep(argv);
  const int code = run(argc, argv);
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  fmt::print(stderr, "seqpe_engine: error: standard output is not complete: {}.\n",
             std::strerror(errno));
  return code == 0 ? 1 : code;
}

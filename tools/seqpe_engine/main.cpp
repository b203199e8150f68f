#include <fmt/ranges.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>

#include "engine/config/load.h"
#include "engine/core/message.h"
#include "kernels/common/error.h"
#include "tools/seqpe_engine/commands.h"
#include "tools/seqpe_engine/ranks.h"

namespace {

constexpr int kUsage = 2;

/// What is wrong with a command line whose first words are no command, or end before it; empty if
/// they are one.
std::string unknown_command(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> names{"seqpe_engine"};
  for (const CLI::App* command = &app;;) {
    std::vector<std::string> known;
    for (const CLI::App* sub : command->get_subcommands({})) known.push_back(sub->get_name());
    const auto place = static_cast<int>(names.size());
    if (known.empty()) return {};
    if (place >= argc) {
      return fmt::format("a command must follow '{}', which has: {}.", fmt::join(names, " "),
                         fmt::join(known, ", "));
    }
    if (argv[place][0] == '-') return {};
    const std::string word = argv[place];
    if (std::find(known.begin(), known.end(), word) == known.end()) {
      return fmt::format("'{}' is no command of '{}', which has: {}.{}", word,
                         fmt::join(names, " "), fmt::join(known, ", "),
                         seqpe::config::did_you_mean(word, known));
    }
    command = command->get_subcommand(word);
    names.push_back(word);
  }
}

/// Threads that wait for each other spin for some 20 us and then sleep: beside other work on the
/// same cores spinning on makes a step up to ten times longer, and sleeping at once costs a tenth
/// on idle ones. OpenMP reads its variables when it is loaded, so the program starts once more; not
/// where somebody set them: with OMP_PROC_BIND this thread is bound by now, and all threads of the
/// program that comes would share its core.
void let_waiting_threads_sleep(char** argv) {
  for (const char* name :
       {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY"}) {
    if (std::getenv(name) != nullptr) return;
  }
  ::setenv("OMP_WAIT_POLICY", "passive", 1);
  ::setenv("GOMP_SPINCOUNT", "1000", 1);
  ::execv("/proc/self/exe", argv);  // where it fails, the threads spin
}

int run(int argc, char** argv) {
  // A file over the size limit, or a reader that leaves (`train lm 2>&1 | head`), is an error of
  // that write, not the end of the process and of the steps since the last checkpoint.
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  seqpe::tools::command_line().assign(argv, argv + argc);

  CLI::App app{"Transformers with sequential position encoding (SeqPE), from scratch."};
  app.footer(
      "  seqpe_engine train lm                          the quick start: about a minute, no "
      "download\n"
      "  seqpe_engine train lm --config lm_novels_small --set data.path=text.txt\n"
      "  seqpe_engine eval lm --checkpoint RUN --data text.txt --lengths 128,256,512\n"
      "  seqpe_engine config keys                       every option with its default\n"
      "  mpirun -np 4 --bind-to none seqpe_engine train lm    four processes");
  app.formatter(std::make_shared<seqpe::tools::HelpFormatter>());
  app.name("seqpe_engine");
  app.set_version_flag("--version", seqpe::tools::version_text,
                       "Show version, commit and what was built in");
  app.require_subcommand(1);
  seqpe::tools::add_train_command(app);
  seqpe::tools::add_eval_command(app);
  seqpe::tools::add_config_command(app);
  seqpe::tools::add_data_command(app);
  seqpe::tools::add_bench_command(app);
  seqpe::tools::add_doctor_command(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    const std::string unknown = unknown_command(app, argc, argv);
    seqpe::tools::tell_error(unknown.empty() ? error.what() : unknown);
    return kUsage;
  } catch (const seqpe::StoppedError& stopped) {
    if (seqpe::tools::speaks_for_all())
      seqpe::tell(fmt::format("seqpe_engine: {}\n", stopped.what()));
    return stopped.exit_code();
  } catch (const seqpe::Error& error) {
    seqpe::tools::tell_error(error.what());
    return error.exit_code();
  } catch (const std::filesystem::filesystem_error& error) {
    seqpe::tools::tell_error(
        fmt::format("[file] cannot use {}: {}.", error.path1().string(), error.code().message()));
    return seqpe::Error("").exit_code();
  } catch (const std::bad_alloc&) {
    seqpe::tools::tell_error("[cpu] out of memory.");
    return seqpe::DeviceError("").exit_code();
  } catch (const std::exception& error) {
    seqpe::tools::tell_error(error.what());
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  let_waiting_threads_sleep(argv);
  ::prctl(PR_SET_NAME, "seqpe_engine");  // not "exe", what /proc/self/exe is called by
  int code = run(argc, argv);
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    seqpe::tools::tell_error(
        fmt::format("standard output is not complete: {}.", std::strerror(errno)));
    code = code == 0 ? 1 : code;
  }
  return seqpe::tools::close_ranks(code);
}

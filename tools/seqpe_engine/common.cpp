#include <fmt/format.h>
#include <omp.h>
#include <sched.h>

#include "engine/core/version.h"
#include "engine/core/warning.h"
#include "kernels/common/error.h"
#include "kernels/common/isa.h"
#include "kernels/device.h"
#include "seqpe_engine/commit.h"
#include "tools/seqpe_engine/commands.h"

namespace seqpe::tools {
namespace {

/// Binds thread i to the i-th core that the process may use.
void pin_threads() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  std::vector<std::size_t> cores;
  for (std::size_t core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &allowed)) cores.push_back(core);
  }
#pragma omp parallel
  {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cores[static_cast<std::size_t>(omp_get_thread_num()) % cores.size()], &one);
    ::sched_setaffinity(0, sizeof(one), &one);  // of the calling thread
  }
}

}  // namespace

std::string version_text() {
  return fmt::format(
      "seqpe_engine {}\ncommit {}\ncompiler {}\nCPU GEMM {}\ninstruction sets {}, in use {}\nCUDA "
      "{}",
      version(), kCommit, SEQPE_COMPILER, SEQPE_GEMM_NAME, SEQPE_ISA_NAMES,
      kernels::name_of(kernels::active_isa()), kernels::name_of(kernels::cuda_device()));
}

CLI::Validator not_empty() {
  return {[](const std::string& text) {
            return text.empty() ? std::string("must not be empty") : std::string();
          },
          ""};
}

void set_threads(std::int64_t threads) {
  if (threads > 0) omp_set_num_threads(static_cast<int>(threads));
}

Device use_device(const models::Config& config) {
  using kernels::CudaDevice;
  const CudaDevice cuda = kernels::cuda_device();
  const bool asks = config.train.device == train::DeviceChoice::cuda;
  require<DeviceError>(!asks || cuda != CudaDevice::none,
                       "[device] cuda is not here: {}, or use --device cpu.",
                       kernels::why_no_cuda());
  if (asks && cuda == CudaDevice::emulated)
    warn(
        "[device] cuda is emulated on the CPU: for tests and study, ten to a hundred times slower "
        "than the CPU itself.");
  set_threads(config.train.threads);
  if (config.train.pin) pin_threads();
  // auto never takes the emulator.
  const bool automatic =
      config.train.device == train::DeviceChoice::automatic && cuda == CudaDevice::gpu;
  const Device device = asks || automatic ? Device::cuda : Device::cpu;
  models::validate_device(config, device);
  return device;
}

void DeviceOption::add_to(CLI::App* command) {
  command
      ->add_option("--device", device,
                   "Where to compute; default " + (device.empty() ? "train.device" : device))
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
}

std::vector<std::string> DeviceOption::with(const std::vector<std::string>& settings) const {
  std::vector<std::string> all;
  if (!device.empty()) all.push_back("train.device=" + device);
  all.insert(all.end(), settings.begin(), settings.end());
  return all;
}

void VerbosityFlags::add_to(CLI::App* command) {
  auto* const quiet_flag = command->add_flag("-q,--quiet", quiet, "No progress on stderr");
  command->add_flag("-v,--verbose", verbose, "Also the machine, and memory as it was used")
      ->excludes(quiet_flag);
}

train::Verbosity VerbosityFlags::level() const {
  if (quiet) return train::Verbosity::quiet;
  return verbose ? train::Verbosity::verbose : train::Verbosity::normal;
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
  const std::string examples = app->get_footer();
  return (examples.empty() ? "" : "\nExamples:\n" + examples + "\n\n") +
         CLI::Formatter::make_usage(app, std::move(name));
}

std::string HelpFormatter::make_footer(const CLI::App*) const {
  return "";
}

std::string shell_quoted(const std::string& word) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=,:+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::vector<std::string>& command_line() {
  static std::vector<std::string> words;
  return words;
}

}  // namespace seqpe::tools

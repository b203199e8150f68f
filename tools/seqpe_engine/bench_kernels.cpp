// seqpe_engine bench kernels: starts the program beside this one that counts on the emulator, its
// kernels having a hook at every access to memory, or the one that times on a GPU.
#include "tools/seqpe_engine/bench_kernels.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/common/error.h"
#include "tools/kernel_costs/options.h"

namespace seqpe::tools {
namespace {

/// A program, and what to tell where the build has none.
struct Program {
  const char* name;
  const char* not_built;
};
constexpr Program kCosts{
    "seqpe_kernel_costs",
    "[bench] kernels --emulated counts on the SIMT emulator, which this build does not have. Hint: "
    "cmake --preset emulated && cmake --build --preset emulated."};
constexpr Program kTimes{
    "seqpe_kernel_times",
    "[bench] kernels --device cuda times on a GPU, for which this build has no kernels. Hint: "
    "cmake --preset cuda && cmake --build --preset cuda."};

/// The file to start. Throws DeviceError if it was not built, Error if it is not there.
std::filesystem::path find(const Program& program) {
  require<DeviceError>(std::string_view(SEQPE_KERNEL_PROGRAM) == program.name, "{}",
                       program.not_built);
  const auto path = std::filesystem::read_symlink("/proc/self/exe").replace_filename(program.name);
  require(
      std::filesystem::exists(path),
      "[bench] kernels starts the program {}, which is missing beside this one: there is no {}. "
      "Hint: copy it there from the folder bin of the build.",
      program.name, path.string());
  return path;
}

void run(const costs::Options& options) {
  const bool on_gpu = !options.device.empty();
  require<UsageError>(on_gpu || options.emulated,
                      "[bench] kernels needs --emulated, which counts, or --device cuda, which "
                      "times on a GPU.");
  const std::filesystem::path program = find(on_gpu ? kTimes : kCosts);
  std::vector<std::string> words = costs::words_of(options);
  words.insert(words.begin(), program);
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execv(program.c_str(), arguments.data());
  throw Error(
      fmt::format("[bench] {} does not start: {}.", program.string(), std::strerror(errno)));
}

}  // namespace

void add_bench_kernels_command(CLI::App& bench) {
  CLI::App* kernels = bench.add_subcommand(
      "kernels",
      "Count what each device kernel asks of a GPU, or time it on one, on the shapes of the "
      "published recipe");
  kernels->footer(
      "  seqpe_engine bench kernels --emulated\n"
      "  seqpe_engine bench kernels --emulated --only layer_norm --launches --lines\n"
      "  seqpe_engine bench kernels --device cuda --json");
  const auto options = std::make_shared<costs::Options>();
  costs::add_options(*kernels, *options);
  kernels->callback([options] { run(*options); });
}

}  // namespace seqpe::tools

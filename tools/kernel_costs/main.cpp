// The programs behind `seqpe_engine bench kernels`: seqpe_kernel_costs, whose device kernels have a
// hook at every access to memory, which would slow down the command itself, and seqpe_kernel_times.
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <system_error>

#include "kernels/common/error.h"
#include "tools/kernel_costs/options.h"
#include "tools/kernel_costs/program.h"

namespace {

int run(int argc, char** argv) {
  CLI::App app{
      "Counts what the device kernels ask of a GPU, on the emulator, or times them on one."};
  seqpe::costs::Options options;
  seqpe::costs::add_options(app, options);
  try {
    app.parse(argc, argv);
    seqpe::costs::print_results(options);
    return 0;
  } catch (const CLI::ParseError& error) {
    constexpr int kUsage = 2;
    return app.exit(error) == 0 ? 0 : kUsage;
  } catch (const seqpe::Error& error) {
    fmt::print(stderr, "seqpe_engine: error: {}\n", error.what());
    return error.exit_code();
  }
}

int tell_incomplete(const std::string& why) {
  fmt::print(stderr, "seqpe_engine: error: standard output is not complete: {}.\n", why);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int code = run(argc, argv);
    return std::fflush(stdout) == 0 ? code : tell_incomplete(std::strerror(errno));
  } catch (const std::system_error& error) {  // of fmt::print
    return tell_incomplete(error.code().message());
  }
}

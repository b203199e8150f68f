// The programs behind `seqpe_engine bench kernels`: seqpe_kernel_costs, whose device kernels have a
// hook at every access to memory, which would slow down the command itself, and seqpe_kernel_times.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "kernels/common/error.h"
#include "tools/kernel_costs/options.h"
#include "tools/kernel_costs/program.h"

int main(int argc, char** argv) {
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

// seqpe_engine bench: one file for each of its commands.
#include "tools/seqpe_engine/bench_data.h"
#include "tools/seqpe_engine/bench_kernels.h"
#include "tools/seqpe_engine/bench_options.h"
#include "tools/seqpe_engine/commands.h"

namespace seqpe::tools {

void add_bench_command(CLI::App& app) {
  CLI::App* bench = app.add_subcommand("bench", "Measure speed");
  bench->footer("  seqpe_engine bench train --config quickstart_lm --vocab-size 256");
  bench->require_subcommand(1);
  add_bench_train_command(*bench);
  add_bench_eval_command(*bench);
  add_bench_kernels_command(*bench);
  add_bench_data_command(*bench);
  add_bench_scaling_command(*bench);
}

}  // namespace seqpe::tools

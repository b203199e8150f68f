// seqpe_engine bench eval: times the evaluation of one block of random tokens at each length.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "engine/core/allocator.h"
#include "engine/train/progress.h"
#include "models/tasks/lm_evaluation.h"
#include "tools/seqpe_engine/bench_options.h"
#include "tools/seqpe_engine/sizes.h"

namespace seqpe::tools {
namespace {

struct EvalOptions : BenchOptions {
  std::vector<std::int64_t> lengths;
};

/// A block of each length, the memory that it took beside the weights.
void run_eval(const EvalOptions& options) {
  const models::Config config = options.config();
  const models::LanguageModel model = random_language_model(config, options.vocab_size);
  model.compute_as_trained();
  allocator(model.device()).reset_peak();
  const double weights = peak_tensor_megabytes(model.device());
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  if (!options.json)
    fmt::print("{:>8} {:>10} {:>12} {:>20}\n", "length", "seconds", "tokens/s",
               "MB beside weights");
  for (const std::int64_t length : options.lengths) {
    allocator(model.device()).reset_peak();
    const train::Stopwatch watch;
    models::evaluate_length(model, random_tokens(options.vocab_size, length), length);
    const double seconds = watch.seconds(),
                 memory = peak_tensor_megabytes(model.device()) - weights;
    results.push_back({{"length", length},
                       {"seconds", seconds},
                       {"tensor_peak_mb", memory},
                       {"resident_peak_mb", peak_resident_megabytes()}});
    if (!options.json) {
      fmt::print("{:>8} {:>10.3f} {:>12.0f} {:>20.1f}\n", length, seconds,
                 static_cast<double>(length) / seconds, memory);
    }
  }
  if (options.json)
    fmt::print("{}\n",
               nlohmann::ordered_json{
                   {"bench", "eval"}, {"device", name_of(model.device())}, {"results", results}}
                   .dump(1));
}

}  // namespace

void add_bench_eval_command(CLI::App& bench) {
  CLI::App* eval = bench.add_subcommand(
      "eval",
      "Time the evaluation of one block of a language model at each length, and its memory");
  eval->footer("  seqpe_engine bench eval --set model.layers=2 --lengths 4096,8192,16384,32768");
  const auto options = std::make_shared<EvalOptions>();
  options->add_to(*eval);
  eval->add_option("--lengths", options->lengths, "Tokens a block")
      ->delimiter(',')
      ->required()
      ->check(at_least(1));
  eval->callback([options] { run_eval(*options); });
}

}  // namespace seqpe::tools

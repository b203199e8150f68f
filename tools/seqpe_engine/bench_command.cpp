// seqpe_engine bench train|eval: times training steps or an evaluation of any configuration on
// random tokens.
#include <fmt/format.h>
#include <omp.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/core/allocator.h"
#include "engine/core/random.h"
#include "engine/train/progress.h"
#include "engine/train/updater.h"
#include "kernels/common/isa.h"
#include "kernels/common/profile.h"
#include "models/tasks/lm_evaluation.h"
#include "models/tasks/lm_task.h"
#include "tools/seqpe_engine/bench_data.h"
#include "tools/seqpe_engine/bench_kernels.h"
#include "tools/seqpe_engine/commands.h"
#include "tools/seqpe_engine/sizes.h"

namespace seqpe::tools {
namespace {

struct Options {
  std::vector<std::string> configs, overrides;
  std::int64_t vocab_size = 50257, steps = 5, warmup = 1;
  std::vector<std::int64_t> lengths;
  DeviceOption device;
  bool json = false;
};

data::Chunks random_tokens(std::int64_t vocab_size, std::int64_t count) {
  PhiloxGenerator random({.seed = 1});
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(count));
  for (auto& token : tokens) token = static_cast<std::int32_t>(random.uniform_int(vocab_size));
  return {tokens};
}

/// The value at `fraction` of the sorted list.
double quantile(std::vector<double> values, double fraction) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(
      std::lround(fraction * static_cast<double>(values.size() - 1)))];
}

double peak_resident_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return megabytes(static_cast<double>(usage.ru_maxrss) * 1024);
}

models::Config config_of(const Options& options) {
  return models::load_config(options.configs, options.device.with(options.overrides));
}

models::LanguageModel random_model(const models::Config& config, const Options& options) {
  const Device device = use_device(config);
  models::LanguageModel model(config, data::make_numbered_vocabulary(options.vocab_size));
  model.initialize(static_cast<std::uint64_t>(config.train.seed));
  model.move_to(device);
  return model;
}

void run_train(const Options& options) {
  const models::Config config = config_of(options);
  const models::LanguageModel model = random_model(config, options);
  const std::int64_t tokens = config.train.batch_size * config.data.block_size;
  models::LmTask task(model, random_tokens(options.vocab_size, tokens + 1), {});
  train::Updater updater(task, config.train);

  // As in training: a device works on a step while the host looks at the one before.
  std::optional<train::PendingUpdate> pending;
  const auto run = [&](std::int64_t step) {
    train::PendingUpdate started = updater.start(step);
    if (pending) pending->wait();
    pending = std::move(started);
  };
  std::int64_t step = 0;
  for (; step < options.warmup; ++step) run(step);
  std::vector<double> seconds;
  kernels::start_profile();
  const train::Stopwatch watch;
  for (std::int64_t n = 0; n < options.steps; ++n, ++step) {
    const train::Stopwatch step_watch;
    run(step);
    seconds.push_back(step_watch.seconds());
  }
  pending->wait();
  const double total = watch.seconds();
  const auto times = kernels::stop_profile();

  const double median = quantile(seconds, 0.5);
  const double peak = peak_tensor_megabytes(model.device());
  nlohmann::ordered_json shares;
  double in_kernels = 0;
  for (const auto& time : times) {
    shares[time.name] = time.seconds / total;
    in_kernels += time.seconds;
  }
  shares["host"] = 1.0 - in_kernels / total;
  if (options.json) {
    const nlohmann::ordered_json out = {{"bench", "train"},
                                        {"device", name_of(model.device())},
                                        {"threads", omp_get_max_threads()},
                                        {"isa", kernels::name_of(kernels::active_isa())},
                                        {"median_s", median},
                                        {"p10_s", quantile(seconds, 0.1)},
                                        {"p90_s", quantile(seconds, 0.9)},
                                        {"tokens_per_s", static_cast<double>(tokens) / median},
                                        {"tensor_peak_mb", peak},
                                        {"resident_peak_mb", peak_resident_megabytes()},
                                        {"shares", shares}};
    return fmt::print("{}\n", out.dump(1));
  }
  fmt::print("{} steps of {} tokens on {}, {} threads, {}\n", options.steps, tokens,
             name_of(model.device()), omp_get_max_threads(),
             kernels::name_of(kernels::active_isa()));
  fmt::print("median {:.1f} ms (p10 {:.1f}, p90 {:.1f}), {:.0f} tokens/s\n", 1e3 * median,
             1e3 * quantile(seconds, 0.1), 1e3 * quantile(seconds, 0.9),
             static_cast<double>(tokens) / median);
  fmt::print("peak {:.0f} MB in tensors, {:.0f} MB resident\n\n{:<24} {:>9} {:>7} {:>7}\n", peak,
             peak_resident_megabytes(), "kernel", "ms/step", "share", "calls");
  const auto steps = static_cast<double>(options.steps);
  for (const auto& time : times) {
    fmt::print("{:<24} {:>9.2f} {:>6.1f}% {:>7.0f}\n", time.name, 1e3 * time.seconds / steps,
               100 * time.seconds / total, static_cast<double>(time.calls) / steps);
  }
  fmt::print("{:<24} {:>9.2f} {:>6.1f}%\n", "host", 1e3 * (total - in_kernels) / steps,
             100 * (1 - in_kernels / total));
}

/// A block of each length, the memory that it took beside the weights.
void run_eval(const Options& options) {
  const models::Config config = config_of(options);
  const models::LanguageModel model = random_model(config, options);
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

void add_model_options(CLI::App& command, Options& options) {
  command.add_option("--config", options.configs, "YAML file or recipe; default: the defaults")
      ->allow_extra_args(false);
  command.add_option("--set", options.overrides, "KEY=VALUE over the configuration")
      ->allow_extra_args(false);
  command.add_option("--vocab-size", options.vocab_size, "Tokens to draw from; default 50257")
      ->check(at_least(1));
  options.device.add_to(&command);
  command.add_flag("--json", options.json, "One JSON object on stdout");
}

}  // namespace

void add_bench_command(CLI::App& app) {
  CLI::App* bench = app.add_subcommand("bench", "Measure speed");
  bench->footer("  seqpe_engine bench train --config quickstart_lm --vocab-size 256");
  bench->require_subcommand(1);
  CLI::App* train =
      bench->add_subcommand("train",
                            "Time training steps of a configuration on random tokens, kernel by "
                            "kernel; on a GPU a recorded "
                            "step is one row (train.cuda_graphs=false tells its kernels apart)");
  train->footer(
      "  seqpe_engine bench train --set model.position=learned --set data.block_size=512 --set "
      "train.batch_size=4\n"
      "  seqpe_engine bench train --config quickstart_lm --vocab-size 256 --steps 20 --json");
  const auto options = std::make_shared<Options>();
  add_model_options(*train, *options);
  train->add_option("--steps", options->steps, "Timed steps; default 5")->check(at_least(1));
  train->add_option("--warmup", options->warmup, "Steps before them; default 1")
      ->check(at_least(0));
  train->callback([options] { run_train(*options); });

  CLI::App* eval = bench->add_subcommand(
      "eval", "Time the evaluation of one block at each length, and its memory");
  eval->footer("  seqpe_engine bench eval --set model.layers=2 --lengths 4096,8192,16384,32768");
  add_model_options(*eval, *options);
  eval->add_option("--lengths", options->lengths, "Tokens a block")
      ->delimiter(',')
      ->required()
      ->check(at_least(1));
  eval->callback([options] { run_eval(*options); });
  add_bench_kernels_command(*bench);
  add_bench_data_command(*bench);
}

}  // namespace seqpe::tools

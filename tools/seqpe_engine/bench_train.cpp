// seqpe_engine bench train: times training steps of any configuration on random data.
#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/train/progress.h"
#include "engine/train/updater.h"
#include "kernels/common/isa.h"
#include "kernels/common/profile.h"
#include "tools/seqpe_engine/bench_objectives.h"
#include "tools/seqpe_engine/ranks.h"
#include "tools/seqpe_engine/sizes.h"
#include "tools/seqpe_engine/timeline.h"

namespace seqpe::tools {
namespace {

struct TrainOptions : BenchOptions {
  std::int64_t steps = 5, warmup = 1;
  std::string timeline;  // a file; empty: none
};

/// The value at `fraction` of the sorted list.
double quantile(std::vector<double> values, double fraction) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(
      std::lround(fraction * static_cast<double>(values.size() - 1)))];
}

void run_train(const TrainOptions& options) {
  models::Config config = options.config();
  if (!options.timeline.empty()) {
    config.train.cuda_graphs = false;  // whose kernels have no spans
    const auto folder = std::filesystem::absolute(options.timeline).parent_path();
    require<UsageError>(std::filesystem::is_directory(folder),
                        "[bench] --timeline must be a file in a folder that exists, got {}.",
                        options.timeline);
  }
  const bool is_vit = config.task == models::TaskKind::vit;
  dist::ProcessGroup& ranks = open_ranks(config, use_device(config));
  const BenchObjective bench = is_vit ? image_objective(config, ranks)
                                      : language_model_objective(config, options.vocab_size, ranks);
  const models::TaskModel& model = *bench.model;
  const char* const unit = bench.objective->unit();
  train::Updater updater(*bench.objective, config.train, ranks, config.dist);

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
  std::optional<Communication> communication;
  if (!options.timeline.empty()) {
    communication = write_timeline(options.timeline, model.device(), ranks,
                                   [&] { updater.start(step).wait(); });
  }
  if (!ranks.is_first()) return;

  const double median = quantile(seconds, 0.5);
  const double rate = static_cast<double>(bench.samples) / median;
  const double peak = peak_tensor_megabytes(model.device());
  nlohmann::ordered_json shares;
  double in_kernels = 0;
  for (const auto& time : times) {
    shares[time.name] = time.seconds / total;
    in_kernels += time.seconds;
  }
  shares["host"] = 1.0 - in_kernels / total;
  if (options.json) {
    nlohmann::ordered_json out = {{"bench", "train"},
                                  {"device", name_of(model.device())},
                                  {"threads", omp_get_max_threads()},
                                  {"processes", ranks.size()},
                                  {"isa", kernels::name_of(kernels::active_isa())},
                                  {"median_s", median},
                                  {"p10_s", quantile(seconds, 0.1)},
                                  {"p90_s", quantile(seconds, 0.9)},
                                  {"seconds", seconds},
                                  {fmt::format("{}_per_s", unit), rate},
                                  {"tensor_peak_mb", peak},
                                  {"resident_peak_mb", peak_resident_megabytes()},
                                  {"shares", shares}};
    if (communication) {
      out["timeline"] = {{"file", options.timeline},
                         {"communication_s", communication->all},
                         {"beside_compute_s", communication->beside_compute}};
    }
    return fmt::print("{}\n", out.dump(1));
  }
  fmt::print("{} steps of {} {} on {}, {}{} threads, {}\n", options.steps, bench.samples, unit,
             name_of(model.device()),
             ranks.size() == 1 ? "" : fmt::format("{} processes of ", ranks.size()),
             omp_get_max_threads(), kernels::name_of(kernels::active_isa()));
  fmt::print("median {:.1f} ms (p10 {:.1f}, p90 {:.1f}), {:.{}f} {}/s\n", 1e3 * median,
             1e3 * quantile(seconds, 0.1), 1e3 * quantile(seconds, 0.9), rate, rate < 100 ? 1 : 0,
             unit);
  fmt::print("peak {:.0f} MB in tensors, {:.0f} MB resident\n\n{:<24} {:>9} {:>7} {:>7}\n", peak,
             peak_resident_megabytes(), "kernel", "ms/step", "share", "calls");
  const auto steps = static_cast<double>(options.steps);
  for (const auto& time : times) {
    fmt::print("{:<24} {:>9.2f} {:>6.1f}% {:>7.0f}\n", time.name, 1e3 * time.seconds / steps,
               100 * time.seconds / total, static_cast<double>(time.calls) / steps);
  }
  fmt::print("{:<24} {:>9.2f} {:>6.1f}%\n", "host", 1e3 * (total - in_kernels) / steps,
             100 * (1 - in_kernels / total));
  if (communication) {
    fmt::print(
        "\nA step's timeline in {}, for https://ui.perfetto.dev: {:.2f} ms of communication, "
        "{:.2f} of them beside computation.\n",
        options.timeline, 1e3 * communication->all, 1e3 * communication->beside_compute);
  }
}

}  // namespace

void add_bench_train_command(CLI::App& bench) {
  CLI::App* train =
      bench.add_subcommand("train",
                           "Time training steps of a configuration on random tokens or images, "
                           "kernel by kernel; on a GPU a recorded "
                           "step is one row (train.cuda_graphs=false tells its kernels apart)");
  train->footer(
      "  seqpe_engine bench train --set model.position=learned --set data.block_size=512 --set "
      "train.batch_size=4\n"
      "  seqpe_engine bench train --config quickstart_lm --vocab-size 256 --steps 20 --json\n"
      "  seqpe_engine bench train --config vit_s16_imagenet_learned --set train.batch_size=8 "
      "--set train.micro_batch_size=auto\n"
      "  mpirun -np 2 --bind-to core seqpe_engine bench train ...   on a core each");
  const auto options = std::make_shared<TrainOptions>();
  options->add_to(*train);
  train->add_option("--steps", options->steps, "Timed steps; default 5")->check(at_least(1));
  train->add_option("--warmup", options->warmup, "Steps before them; default 1")
      ->check(at_least(0));
  train
      ->add_option("--timeline", options->timeline,
                   "Write when each kernel of one more step ran, and each message between ranks "
                   "travelled, into this file; turns train.cuda_graphs off")
      ->type_name("FILE");
  train->callback([options] { run_train(*options); });
}

}  // namespace seqpe::tools

// seqpe_engine bench scaling: what a training would take on many GPUs, by a model.
#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "models/tasks/image_classifier.h"
#include "tools/seqpe_engine/bench_options.h"
#include "tools/seqpe_engine/ranks.h"
#include "tools/seqpe_engine/scaling.h"

namespace seqpe::tools {
namespace {

// What serves where nothing is given: docs/benchmarks.md, bf16, B 32 a GPU.
constexpr const char* kMeasuredRecipe = "lm_wikitext103_seqpe";
constexpr double kMeasuredMilliseconds = 35.4;
constexpr double kAdapterGbs = 47;  // of 400 Gb/s

struct ScalingOptions : BenchOptions {
  std::int64_t gpus = 8, nodes = 1;
  std::optional<double> step_ms, node_gbs;
  Links links;
};

/// The gradients of the configuration's model. The embedding of tokens, tied to the head, is
/// complete last, and so is the position encoder.
StepShape shape_of(const ScalingOptions& options, const models::Config& config) {
  std::vector<nn::Parameter> parameters;
  if (config.task == models::TaskKind::vit) {
    models::Config with_classes = config;
    if (with_classes.model.classes == 0) with_classes.model.classes = 1000;  // ImageNet-1k
    parameters = models::ImageClassifier(with_classes).parameters();
  } else {
    parameters = models::LanguageModel(config, data::make_numbered_vocabulary(options.vocab_size))
                     .parameters();
  }
  const double bytes = config.dist.wire == dist::Wire::bf16 ? 2 : 4;
  StepShape step{.seconds = *options.step_ms * 1e-3, .gathers_values = config.dist.zero > 0};
  for (const nn::Parameter& parameter : parameters) {
    const double size = bytes * static_cast<double>(parameter.value.numel());
    step.gradient_bytes += size;
    if (parameter.group == "encoder" || parameter.name == "transformer.wte.weight")
      step.last_bytes += size;
  }
  step.messages = static_cast<std::int64_t>(
      std::ceil(std::max(1.0, step.gradient_bytes / (config.dist.bucket_mb * 1e6))));
  const auto batch = static_cast<double>(config.train.batch_size),
             micro_batch = static_cast<double>(config.train.micro_batch_size);
  if (config.train.micro_batch_size > 0) step.overlap_share *= micro_batch / batch;
  if (config.dist.deterministic) step.overlap_share = 0;
  return step;
}

void run_scaling(ScalingOptions options) {
  if (!speaks_for_all()) return;
  if (!options.step_ms) {
    require<UsageError>(options.configs.empty() && options.overrides.empty(),
                        "[scaling] --step-ms must tell what a step of this configuration takes on "
                        "one GPU. Hint: `seqpe_engine bench train` measures it.");
    options.configs = {kMeasuredRecipe};
    options.step_ms = kMeasuredMilliseconds;
  }
  options.links.node_gbs =
      options.node_gbs.value_or(kAdapterGbs * static_cast<double>(options.gpus));
  const auto check = [](const char* option, double value) {
    require<UsageError>(std::isfinite(value) && value > 0,
                        "[scaling] {} must be a number above 0, got {}.", option, value);
  };
  check("--step-ms", *options.step_ms);
  check("--gpu-gbs", options.links.gpu_gbs);
  check("--node-gbs", options.links.node_gbs);
  check("--latency-us", options.links.latency_us);
  const models::Config config = options.config();
  const StepShape step = shape_of(options, config);
  // One GPU, one node, then twice as many nodes each time.
  std::vector<std::pair<std::int64_t, std::int64_t>> machines{{1, 1}};
  if (options.gpus > 1) machines.emplace_back(options.gpus, 1);
  for (std::int64_t nodes = 2; nodes < options.nodes; nodes *= 2)
    machines.emplace_back(options.gpus, nodes);
  if (options.nodes > 1) machines.emplace_back(options.gpus, options.nodes);

  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  if (!options.json) {
    fmt::print(
        "{:.1f} MB of gradients a step, {:.1f} of them at its end; {:.1f} ms of computing; {:.0f} "
        "GB/s in a node, {:.0f} between\n\n{:>6} {:>6} {:>14} {:>11} {:>9} {:>9} {:>11}\n",
        step.gradient_bytes / 1e6, step.last_bytes / 1e6, *options.step_ms, options.links.gpu_gbs,
        options.links.node_gbs, "nodes", "GPUs", "all-reduce ms", "exposed ms", "step ms",
        "speed-up", "efficiency");
  }
  for (const auto& [gpus, nodes] : machines) {
    const ScaledStep scaled = scaled_step(step, gpus, nodes, options.links);
    const std::int64_t all = gpus * nodes;
    rows.push_back({{"nodes", nodes},
                    {"gpus", all},
                    {"all_reduce_s", scaled.all_reduce_seconds},
                    {"exposed_s", scaled.exposed_seconds},
                    {"step_s", scaled.seconds},
                    {"efficiency", scaled.efficiency}});
    if (options.json) continue;
    fmt::print("{:>6} {:>6} {:>14.2f} {:>11.2f} {:>9.2f} {:>8.1f}x {:>10.1f}%\n", nodes, all,
               1e3 * scaled.all_reduce_seconds, 1e3 * scaled.exposed_seconds, 1e3 * scaled.seconds,
               static_cast<double>(all) * scaled.efficiency, 100 * scaled.efficiency);
  }
  if (options.json)
    fmt::print("{}\n", nlohmann::ordered_json{{"bench", "scaling"}, {"results", rows}}.dump(1));
}

}  // namespace

void add_bench_scaling_command(CLI::App& bench) {
  CLI::App* scaling = bench.add_subcommand(
      "scaling",
      "What a step takes on many GPUs, each with the batch of one: a model of computing, bytes and "
      "links, no measurement");
  scaling->footer(
      "  seqpe_engine bench scaling --gpus 8 --nodes 4\n"
      "  seqpe_engine bench train --config lm_wikitext103_seqpe ...     the step of one GPU\n"
      "  seqpe_engine bench scaling --config lm_wikitext103_seqpe --step-ms 35.4 --gpus 8 --nodes "
      "4");
  const auto options = std::make_shared<ScalingOptions>();
  options->add_to(*scaling);
  scaling->add_option("--step-ms", options->step_ms,
                      "A step of one GPU in milliseconds, as `bench train` tells it; without it "
                      "and --config: 35.4, of lm_wikitext103_seqpe with B 32 on an H200");
  scaling->add_option("--gpus", options->gpus, "GPUs a node; default 8")->check(at_least(1));
  scaling->add_option("--nodes", options->nodes, "Nodes; default 1")->check(at_least(1));
  scaling->add_option(
      "--gpu-gbs", options->links.gpu_gbs,
      "Bus bandwidth between GPUs of a node in GB/s, as nccl-tests tells it; default "
      "476 (eight H100 with NVLink SHARP)");
  scaling->add_option("--node-gbs", options->node_gbs,
                      "The same between nodes, all adapters of one together; default 47 a GPU (one "
                      "of 400 Gb/s each)");
  scaling->add_option("--latency-us", options->links.latency_us, "Of an all-reduce; default 20");
  scaling->callback([options] { run_scaling(*options); });
}

}  // namespace seqpe::tools

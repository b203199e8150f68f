#include "tools/seqpe_engine/bench_options.h"

#include <sys/resource.h>

#include "engine/core/random.h"
#include "tools/seqpe_engine/sizes.h"

namespace seqpe::tools {

void BenchOptions::add_to(CLI::App& command) {
  command.add_option("--config", configs, "YAML file or recipe; default: the defaults")
      ->allow_extra_args(false);
  command.add_option("--set", overrides, "KEY=VALUE over the configuration")
      ->allow_extra_args(false);
  command
      .add_option("--vocab-size", vocab_size,
                  "Tokens to draw from, of a language model; default 50257")
      ->check(at_least(1));
  device.add_to(&command);
  command.add_flag("--json", json, "One JSON object on stdout");
}

models::Config BenchOptions::config() const {
  return models::load_config(configs, device.with(overrides));
}

models::LanguageModel random_language_model(const models::Config& config, std::int64_t vocab_size) {
  require<ConfigError>(config.task == models::TaskKind::lm,
                       "[bench] this bench is one of language models, got a configuration of task "
                       "vit.");
  const Device device = use_device(config);
  models::LanguageModel model(config, data::make_numbered_vocabulary(vocab_size));
  model.initialize(static_cast<std::uint64_t>(config.train.seed));
  model.move_to(device);
  return model;
}

data::Chunks random_tokens(std::int64_t vocab_size, std::int64_t count) {
  PhiloxGenerator random({.seed = 1});
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(count));
  for (auto& token : tokens) token = static_cast<std::int32_t>(random.uniform_int(vocab_size));
  return {tokens};
}

double peak_resident_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return megabytes(static_cast<double>(usage.ru_maxrss) * 1024);
}

}  // namespace seqpe::tools

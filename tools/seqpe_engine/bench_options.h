// What `bench train` and `bench eval` have in common: a configuration, its model with random
// weights, and random data for it.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "models/tasks/language_model.h"
#include "tools/seqpe_engine/commands.h"

namespace seqpe::tools {

struct BenchOptions {
  std::vector<std::string> configs, overrides;
  std::int64_t vocab_size = 50257;  // of a language model
  DeviceOption device;
  bool json = false;

  void add_to(CLI::App& command);
  models::Config config() const;
};

/// With random weights, on the device of the configuration.
models::LanguageModel random_language_model(const models::Config& config, std::int64_t vocab_size);

data::Chunks random_tokens(std::int64_t vocab_size, std::int64_t count);

double peak_resident_megabytes();

void add_bench_train_command(CLI::App& bench);
void add_bench_eval_command(CLI::App& bench);
void add_bench_scaling_command(CLI::App& bench);

}  // namespace seqpe::tools

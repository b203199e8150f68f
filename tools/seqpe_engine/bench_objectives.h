// Training steps on random data, for `bench train`.
#pragma once

#include <memory>

#include "engine/train/task.h"
#include "tools/seqpe_engine/bench_options.h"

namespace seqpe::tools {

struct BenchObjective {
  std::unique_ptr<const models::TaskModel> model;  // on the device of the configuration
  std::unique_ptr<train::Objective> objective;     // refers to the model
  std::int64_t samples = 0;                        // of Objective::unit a step
};

/// On random tokens, what of a step falls to this rank. Throws as LanguageModel and use_device.
BenchObjective language_model_objective(const models::Config& config, std::int64_t vocab_size,
                                        dist::ProcessGroup& ranks);

/// On one batch of random images, every other one flipped, mixed by halves, the same every step;
/// with model.classes auto of 1000 classes.
BenchObjective image_objective(models::Config config, dist::ProcessGroup& ranks);

}  // namespace seqpe::tools

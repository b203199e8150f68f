// The one training loop. It knows a Task, not which model it trains.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "engine/train/task.h"
#include "engine/train/train_config.h"

namespace seqpe::train {

struct LoopOptions {
  TrainConfig train;
  CheckpointConfig checkpoint;
  LogConfig log;
  std::filesystem::path run;                    // an existing folder, held by this process
  std::optional<std::filesystem::path> resume;  // a complete checkpoint of this run or another
  bool quiet = false;
};

enum class Outcome { finished, interrupted };

/// Trains to train.steps. Writes metrics and checkpoints into `run`. On SIGTERM or SIGINT the step
/// is finished, a checkpoint written, and `interrupted` returned. Throws DivergedError on a loss or
/// gradient that is not finite, before the update: the last checkpoint stays whole.
Outcome run_training(Task& task, const LoopOptions& options);

}  // namespace seqpe::train

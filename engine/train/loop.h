// The one training loop. It knows a Task, not which model it trains.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "engine/dist/process_group.h"
#include "engine/train/log.h"
#include "engine/train/task.h"
#include "engine/train/train_config.h"

namespace seqpe::train {

struct LoopOptions {
  TrainConfig train;
  CheckpointConfig checkpoint;
  LogConfig log_config;
  dist::DistConfig dist;
  dist::ProcessGroup* ranks = &dist::single_process();
  std::filesystem::path run;                    // an existing folder, held by rank 0
  std::optional<std::filesystem::path> resume;  // a complete checkpoint of this run or another
  Log* log = nullptr;                           // never null in run_training
  std::function<void()> on_start;               // all is read and checked, the first step comes
};

enum class Outcome { finished, interrupted };

/// Trains to train.steps. Rank 0 writes metrics and checkpoints into `run`; all read the one that
/// is resumed. When a stop is requested (signals.h) of any rank the step is finished, a checkpoint
/// written, and `interrupted` returned on each; an evaluation that was cut short is made after the
/// resume. Throws DivergedError on a loss or gradient that is not finite, before the update: the
/// last checkpoint stays whole.
Outcome run_training(Task& task, const LoopOptions& options);

}  // namespace seqpe::train

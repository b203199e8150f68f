// Steps of one process, for tests.
#pragma once

#include "engine/train/task.h"

namespace seqpe::test {

/// A batch of `batch` rows, `micro_batch` at a time; 0: all at once.
inline train::Share rows_at_once(std::int64_t batch, std::int64_t micro_batch = 0) {
  return {.batch = batch, .end = batch, .micro_batch = micro_batch == 0 ? batch : micro_batch};
}

/// Forward and backward of step number `step`, as the configuration cuts it.
inline train::StepTerms run_step(train::Objective& objective, std::int64_t step,
                                 const train::TrainConfig& config) {
  train::MicroBatches micro_batches(train::share_of_rank(config, {}, 0, 1));
  return objective.forward_backward(objective.draw(step), micro_batches);
}

}  // namespace seqpe::test

// What a training will take, told before it starts.
#pragma once

#include <cstdint>
#include <string>

#include "engine/train/log.h"
#include "models/tasks/task_model.h"

namespace seqpe::tools {

/// What the task knows of a step.
struct StepSize {
  std::string told;         // "16 of 1024 tokens, 56000 training tokens"
  std::int64_t tokens = 0;  // of a micro-batch, those that go through the Transformer
  double numbers = 0;       // of the compute dtype at the peak, beside activations
  double bytes = 0;         // of what is float32 anyway
};

/// Throws OutOfMemoryError where the weights with what training keeps of each cannot fit. Call it
/// before they are initialised.
void check_weights_fit(const models::TaskModel& model, Device device);

/// Parameters, steps and what a step takes, memory at the peak, disk a checkpoint; a warning where
/// the memory is more than this process may use. `device`: where the training will be.
void say_plan(const models::TaskModel& model, const StepSize& step, Device device, train::Log& log);

}  // namespace seqpe::tools

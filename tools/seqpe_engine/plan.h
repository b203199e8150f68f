// What a training will take, told before it starts.
#pragma once

#include "engine/train/log.h"
#include "models/tasks/lm_task.h"

namespace seqpe::tools {

/// Throws OutOfMemoryError where the weights with what training keeps of each cannot fit. Call it
/// before they are initialised.
void check_weights_fit(const models::LanguageModel& model, Device device);

/// Parameters, steps and tokens, memory at the peak, disk a checkpoint; a warning where the memory
/// is more than this process may use. `device`: where the training will be.
void say_plan(const models::LanguageModel& model, const models::LmTask& task, Device device,
              train::Log& log);

}  // namespace seqpe::tools

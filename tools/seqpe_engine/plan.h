// What a training will take, told before it starts.
#pragma once

#include "engine/train/log.h"
#include "models/tasks/lm_task.h"

namespace seqpe::tools {

/// Parameters, steps and tokens, memory at the peak, disk a checkpoint; a warning where the memory
/// is more than this process may use.
void say_plan(const models::LanguageModel& model, const models::LmTask& task, train::Log& log);

}  // namespace seqpe::tools

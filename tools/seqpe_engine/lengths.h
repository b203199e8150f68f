// Evaluation at several lengths.
#pragma once

#include <optional>
#include <vector>

#include "engine/train/log.h"
#include "models/tasks/lm_evaluation.h"

namespace seqpe::tools {

/// A length with its result; none if it ran out of memory.
struct LengthResult {
  std::int64_t length = 0;
  std::optional<models::LengthEvaluation> evaluation;
};

/// Evaluates `chunks` at each length; where one runs out of memory the others stand. Throws
/// StoppedError when a stop is requested.
std::vector<LengthResult> evaluate_lengths(const models::LanguageModel& model,
                                           const data::Chunks& chunks,
                                           const std::vector<std::int64_t>& lengths,
                                           train::Log& log);

}  // namespace seqpe::tools

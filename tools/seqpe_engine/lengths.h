// Evaluation at several lengths.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/train/log.h"
#include "models/tasks/lm_evaluation.h"
#include "tools/seqpe_engine/failures.h"

namespace seqpe::tools {

/// A length with its result, or why there is none.
struct LengthResult {
  std::int64_t length = 0;
  std::optional<models::LengthEvaluation> evaluation;
  std::string failure;
};

/// Evaluates `chunks` at each length; where one runs out of memory, or its loss is not finite, the
/// others stand. `known`, if there is one, is taken for its length. Throws StoppedError when a stop
/// is requested.
std::vector<LengthResult> evaluate_lengths(
    const models::LanguageModel& model, const data::Chunks& chunks,
    const std::vector<std::int64_t>& lengths, train::Log& log,
    const std::optional<models::LengthEvaluation>& known = {},
    dist::ProcessGroup& ranks = dist::single_process());

/// Throws DivergedError with the lengths whose loss is not finite.
void require_finite(const std::vector<LengthResult>& results);

}  // namespace seqpe::tools

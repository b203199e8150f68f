#include "tools/seqpe_engine/lengths.h"

#include <fmt/ranges.h>

#include "engine/core/warning.h"
#include "tools/seqpe_engine/failures.h"

namespace seqpe::tools {

std::vector<LengthResult> evaluate_lengths(const models::LanguageModel& model,
                                           const data::Chunks& chunks,
                                           const std::vector<std::int64_t>& lengths,
                                           train::Log& log,
                                           const std::optional<models::LengthEvaluation>& known,
                                           dist::ProcessGroup& ranks) {
  std::vector<LengthResult> results;
  for (const std::int64_t length : lengths) {
    const std::string what = fmt::format("length {}", length);
    const auto evaluate = [&] {
      const bool is_known = known && known->length == length;
      if (is_known) log.detail(what + ": as it was evaluated last");
      const models::LengthEvaluation evaluation =
          is_known ? *known
                   : models::evaluate_length(model, chunks, length,
                                             train::EvaluationProgress(log, what, ranks), ranks);
      if (evaluation.longest < length) {
        log.clear();
        warn(fmt::format("[eval] length {}: no block is so long, the longest has {} tokens.",
                         length, evaluation.longest));
      }
      return evaluation;
    };
    auto [evaluation, failure] =
        result_or_failure(what, model.device(), log, evaluate,
                          [](const models::LengthEvaluation& result) { return result.nll; });
    results.push_back({length, evaluation, std::move(failure)});
  }
  log.clear();
  return results;
}

void require_finite(const std::vector<LengthResult>& results) {
  std::vector<std::int64_t> lengths;
  for (const LengthResult& result : results) {
    if (result.failure == kNotFinite) lengths.push_back(result.length);
  }
  require<DivergedError>(
      lengths.empty(),
      "[eval] the loss must be finite, it is not at length {}. Hint: the weights hold NaN or Inf, "
      "or are too large.",
      fmt::join(lengths, ", "));
}

}  // namespace seqpe::tools

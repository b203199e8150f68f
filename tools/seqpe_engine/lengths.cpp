#include "tools/seqpe_engine/lengths.h"

#include <fmt/ranges.h>

#include <cmath>
#include <new>

#include "engine/core/allocator.h"
#include "engine/core/warning.h"
#include "engine/train/progress.h"
#include "tools/seqpe_engine/sizes.h"

namespace seqpe::tools {
namespace {

LengthResult evaluate_one(const models::LanguageModel& model, const data::Chunks& chunks,
                          std::int64_t length, train::Log& log,
                          const std::optional<models::LengthEvaluation>& known) {
  try {
    const bool is_known = known && known->length == length;
    if (is_known) log.detail(fmt::format("length {}: as it was evaluated last", length));
    const auto evaluation =
        is_known ? *known
                 : models::evaluate_length(
                       model, chunks, length,
                       train::EvaluationProgress(log, fmt::format("length {}", length)));
    if (evaluation.longest < length) {
      log.clear();
      warn(fmt::format("[eval] length {}: no block is so long, the longest has {} tokens.", length,
                       evaluation.longest));
    }
    if (std::isfinite(evaluation.nll)) return {length, evaluation, ""};
    return {length, std::nullopt, kNotFinite};
  } catch (const OutOfMemoryError& error) {
    log.say(fmt::format("length {}: {}", length, error.what()));
  } catch (const std::bad_alloc&) {
    log.say(fmt::format("length {}: [cpu] out of memory.", length));
  }
  return {length, std::nullopt, kOutOfMemory};
}

}  // namespace

std::vector<LengthResult> evaluate_lengths(const models::LanguageModel& model,
                                           const data::Chunks& chunks,
                                           const std::vector<std::int64_t>& lengths,
                                           train::Log& log,
                                           const std::optional<models::LengthEvaluation>& known) {
  std::vector<LengthResult> results;
  for (const std::int64_t length : lengths) {
    const train::Stopwatch watch;
    allocator(model.device()).reset_peak();
    results.push_back(evaluate_one(model, chunks, length, log, known));
    // What one length leaves behind must not keep the next from fitting.
    allocator(model.device()).release_cached();
    log.detail(fmt::format("length {}: {:.1f} s, tensors {:.0f} MB at peak", length,
                           watch.seconds(), peak_tensor_megabytes(model.device())));
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

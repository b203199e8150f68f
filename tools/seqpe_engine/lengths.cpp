#include "tools/seqpe_engine/lengths.h"

#include <fmt/format.h>

#include <new>

#include "engine/core/allocator.h"
#include "engine/train/progress.h"
#include "tools/seqpe_engine/sizes.h"

namespace seqpe::tools {
namespace {

std::optional<models::LengthEvaluation> evaluate_one(const models::LanguageModel& model,
                                                     const data::Chunks& chunks,
                                                     std::int64_t length, train::Log& log) {
  try {
    return models::evaluate_length(
        model, chunks, length, train::EvaluationProgress(log, fmt::format("length {}", length)));
  } catch (const OutOfMemoryError& error) {
    log.say(fmt::format("length {}: {}", length, error.what()));
  } catch (const std::bad_alloc&) {
    log.say(fmt::format("length {}: [cpu] out of memory.", length));
  }
  return std::nullopt;
}

}  // namespace

std::vector<LengthResult> evaluate_lengths(const models::LanguageModel& model,
                                           const data::Chunks& chunks,
                                           const std::vector<std::int64_t>& lengths,
                                           train::Log& log) {
  std::vector<LengthResult> results;
  for (const std::int64_t length : lengths) {
    const train::Stopwatch watch;
    allocator(model.device()).reset_peak();
    results.push_back({length, evaluate_one(model, chunks, length, log)});
    // What one length leaves behind must not keep the next from fitting.
    allocator(model.device()).release_cached();
    log.detail(fmt::format("length {}: {:.1f} s, tensors {:.0f} MB at peak", length,
                           watch.seconds(), peak_tensor_megabytes(model.device())));
  }
  log.clear();
  return results;
}

}  // namespace seqpe::tools

#include "tools/seqpe_engine/image_sizes.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "tools/seqpe_engine/failures.h"

namespace seqpe::tools {

std::vector<SizeResult> evaluate_sizes(const models::ImageClassifier& model,
                                       const data::ImageDataset& images, train::Log& log,
                                       const std::optional<models::SizeEvaluation>& known,
                                       dist::ProcessGroup& ranks) {
  const auto threads = static_cast<int>(std::max<std::int64_t>(1, model.config().data.workers));
  std::vector<SizeResult> results;
  for (const data::EvaluationSize& size : models::evaluation_sizes(model.config())) {
    const std::string what = "size " + models::text_of(size);
    const auto evaluate = [&] {
      if (known && results.empty()) return *known;
      return models::evaluate_size(model, images, size, threads,
                                   train::EvaluationProgress(log, what, ranks), ranks);
    };
    auto [evaluation, failure] =
        result_or_failure(what, model.device(), log, evaluate,
                          [](const models::SizeEvaluation& result) { return result.loss; });
    results.push_back({size, evaluation, std::move(failure)});
  }
  log.clear();
  return results;
}

void require_finite(const std::vector<SizeResult>& results) {
  std::vector<std::string> sizes;
  for (const SizeResult& result : results) {
    if (result.failure == kNotFinite) sizes.push_back(models::text_of(result.size));
  }
  require<DivergedError>(sizes.empty(),
                         "[eval] the loss must be finite, it is not at size {}. Hint: the weights "
                         "hold NaN or Inf, or are too large.",
                         fmt::join(sizes, ", "));
}

std::string evaluation_table(const std::vector<SizeResult>& results) {
  std::string out = fmt::format("{:>9} {:>8} {:>8} {:>10} {:>8}\n", "size", "top-1 %", "top-5 %",
                                "loss", "images");
  for (const auto& [size, evaluation, failure] : results) {
    out += fmt::format("{:>9} ", models::text_of(size));
    out += evaluation ? fmt::format("{:>8.2f} {:>8.2f} {:>10.5f} {:>8}\n", 100 * evaluation->top1,
                                    100 * evaluation->top5, evaluation->loss, evaluation->images)
                      : failure + "\n";
  }
  return out;
}

std::string accuracy_table(
    const std::vector<std::pair<std::string, std::vector<SizeResult>>>& trained) {
  std::string out = fmt::format("{:<12}", "positions");
  for (const SizeResult& result : trained.at(0).second)
    out += fmt::format(" {:>9}", models::text_of(result.size));
  out += "\n";
  for (const auto& [name, results] : trained) {
    out += fmt::format("{:<12}", name);
    for (const SizeResult& result : results) {
      out += result.evaluation ? fmt::format(" {:>9.2f}", 100 * result.evaluation->top1)
                               : fmt::format(" {:>9}", word_of(result.failure));
    }
    out += "\n";
  }
  return out;
}

}  // namespace seqpe::tools

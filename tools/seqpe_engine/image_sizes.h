// Evaluation of an image classifier at several sizes.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/train/log.h"
#include "models/tasks/image_evaluation.h"

namespace seqpe::tools {

/// A size with its result, or why there is none.
struct SizeResult {
  data::EvaluationSize size;
  std::optional<models::SizeEvaluation> evaluation;
  std::string failure;
};

/// Evaluates at each size of the configuration; where one runs out of memory, its loss is not
/// finite or the images do not allow it, the others stand. `known`, if there is one, is taken for
/// the first size. Throws StoppedError when a stop is requested.
std::vector<SizeResult> evaluate_sizes(const models::ImageClassifier& model,
                                       const data::ImageDataset& images, train::Log& log,
                                       const std::optional<models::SizeEvaluation>& known = {},
                                       dist::ProcessGroup& ranks = dist::single_process());

/// Throws DivergedError with the sizes whose loss is not finite.
void require_finite(const std::vector<SizeResult>& results);

/// A line a size: top-1, top-5, loss, images.
std::string evaluation_table(const std::vector<SizeResult>& results);

/// A row a model, a column a size, top-1 in percent in the cells.
std::string accuracy_table(
    const std::vector<std::pair<std::string, std::vector<SizeResult>>>& trained);

}  // namespace seqpe::tools

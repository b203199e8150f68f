// Accuracy of an image classifier at any size of the images.
#pragma once

#include "engine/data/image_dataset.h"
#include "engine/dist/process_group.h"
#include "engine/train/task.h"
#include "models/tasks/image_classifier.h"

namespace seqpe::models {

/// What a model makes of a data set at one size.
struct SizeEvaluation {
  data::EvaluationSize size;
  std::int64_t images = 0;
  double top1 = 0, top5 = 0;  // shares of images whose class is the first, or of the first five
  double loss = 0;            // mean cross-entropy of an image with its label, in nats

  /// For metrics.jsonl and --json.
  train::EvalRow row() const;
};

/// `threads` prepare the images. A class is among the first five where fewer than five others have
/// a logit as large or larger. The ranks share the work, the result is that of one; `on_evaluated`
/// is told the same on each.
SizeEvaluation evaluate_size(const ImageClassifier& model, const data::ImageDataset& images,
                             const data::EvaluationSize& size, int threads,
                             const train::OnEvaluated& on_evaluated = {},
                             dist::ProcessGroup& ranks = dist::single_process());

}  // namespace seqpe::models

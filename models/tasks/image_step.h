// One optimiser step of an image classifier: the images and positions that were drawn for it, and
// what it computes from them.
#pragma once

#include "models/tasks/image_classifier.h"
#include "models/tasks/step.h"

namespace seqpe::models {

struct ImageStep {
  std::int64_t step = 0;
  Tensor images;   // f32 [B, 3, S, S], normalised; the whole batch
  Tensor targets;  // f32 [B, classes]
  StepPositions positions;
};

/// The step as tensors and sizes, for run_step: images, targets, and what add_step adds (step.h).
train::StepInputs step_inputs(const ImageClassifier& model, const ImageStep& step);

/// Forward and backward, `micro_batch` images at a time, as run_step of step.h. The loss is the
/// mean over the images of the cross-entropy with their targets. Inputs on the model's device.
train::StepTerms run_step(const ImageClassifier& model, const train::StepInputs& inputs,
                          const nn::Pass& settings, std::int64_t micro_batch);

}  // namespace seqpe::models

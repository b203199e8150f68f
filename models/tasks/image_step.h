// One optimiser step of an image classifier: the images and positions that were drawn for it, and
// what it computes from them.
#pragma once

#include <vector>

#include "kernels/image_batch.h"
#include "models/tasks/image_classifier.h"
#include "models/tasks/step.h"

namespace seqpe::models {

struct ImageStep {
  std::int64_t step = 0;
  // The images of this rank, as data::ImageBatch has them.
  Tensor pixels;                                    // u8 [B, S, S, 3]
  std::vector<kernels::ImagePlacement> placements;  // B
  kernels::ImageMix mix;
  Tensor targets;  // f32 [B, classes]
  StepPositions positions;
};

/// The step as tensors and sizes, for run_step: pixels, placements, mix, targets, and what add_step
/// adds (step.h).
train::StepInputs step_inputs(const ImageClassifier& model, const ImageStep& step);

/// What becomes of the pixels (ops::image_batch, ImageNet's statistics), then the step on it.
/// Inputs on the model's device.
train::StepTerms run_step(const ImageClassifier& model, const train::StepInputs& inputs,
                          const nn::Pass& settings, train::MicroBatches& micro_batches);

/// Forward and backward of images f32 [B, 3, S, S] as the model takes them, as run_step of step.h;
/// of the inputs it asks for targets and what add_step adds. The loss is the mean over the step's
/// images of the cross-entropy with their targets.
train::StepTerms run_step(const ImageClassifier& model, const Tensor& images,
                          const train::StepInputs& inputs, const nn::Pass& settings,
                          train::MicroBatches& micro_batches);

}  // namespace seqpe::models

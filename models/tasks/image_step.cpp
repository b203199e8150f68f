#include "models/tasks/image_step.h"

#include "engine/ops/cross_entropy.h"

namespace seqpe::models {
namespace {

constexpr const char* kImages = "images";
constexpr const char* kTargets = "targets";

Extent grid_of(const ImageClassifier& model, const Tensor& images) {
  return model.vit().grid_of(images.dim(2), images.dim(3));
}

}  // namespace

train::StepInputs step_inputs(const ImageClassifier& model, const ImageStep& step) {
  train::StepInputs inputs;
  inputs.add(kImages, step.images);
  inputs.add(kTargets, step.targets);
  add_step(inputs, model, grid_of(model, step.images), step.step, step.positions);
  return inputs;
}

train::StepTerms run_step(const ImageClassifier& model, const train::StepInputs& inputs,
                          const nn::Pass& settings, std::int64_t micro_batch) {
  const Tensor &images = inputs.at(kImages), &targets = inputs.at(kTargets);
  const std::int64_t batch = images.dim(0);
  const auto loss_of = [&](std::int64_t begin, std::int64_t end, const Tensor& pe,
                           const nn::Pass& pass) {
    const Tensor logits = model.vit().forward(images.rows(begin, end), pe, pass);
    return ops::soft_cross_entropy(logits, targets.rows(begin, end), static_cast<double>(batch));
  };
  train::StepTerms terms =
      run_step(model, inputs, grid_of(model, images), settings, batch, micro_batch, loss_of);
  terms.samples = batch;
  return terms;
}

}  // namespace seqpe::models

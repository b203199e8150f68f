#include "models/tasks/image_step.h"

#include "engine/data/image_normalization.h"
#include "engine/ops/cross_entropy.h"
#include "engine/ops/image_batch.h"

namespace seqpe::models {
namespace {

constexpr const char* kPixels = "pixels";
constexpr const char* kPlacements = "placements";
constexpr const char* kMix = "mix";
constexpr const char* kTargets = "targets";

}  // namespace

train::StepInputs step_inputs(const ImageClassifier& model, const ImageStep& step) {
  train::StepInputs inputs;
  inputs.add(kPixels, step.pixels);
  inputs.add(kPlacements, ops::image_placements(step.placements));
  inputs.add(kMix, ops::image_mix(step.mix));
  inputs.add(kTargets, step.targets);
  const Extent grid = model.vit().grid_of(step.pixels.dim(1), step.pixels.dim(2));
  add_step(inputs, model, grid, step.step, step.positions);
  return inputs;
}

train::StepTerms run_step(const ImageClassifier& model, const train::StepInputs& inputs,
                          const nn::Pass& settings, train::MicroBatches& micro_batches) {
  const data::ImageStatistics& statistics = data::kImageNetStatistics;
  const Tensor images =
      ops::image_batch(inputs.at(kPixels), inputs.at(kPlacements), inputs.at(kMix), statistics.mean,
                       statistics.standard_deviation);
  return run_step(model, images, inputs, settings, micro_batches);
}

train::StepTerms run_step(const ImageClassifier& model, const Tensor& images,
                          const train::StepInputs& inputs, const nn::Pass& settings,
                          train::MicroBatches& micro_batches) {
  const Tensor& targets = inputs.at(kTargets);
  const std::int64_t batch = micro_batches.share().batch;
  const auto loss_of = [&](const train::Rows& rows, const Tensor& pe, const nn::Pass& pass) {
    const Tensor logits = model.vit().forward(images.rows(rows.begin, rows.end), pe, pass);
    return ops::soft_cross_entropy(logits, targets.rows(rows.begin, rows.end),
                                   static_cast<double>(batch));
  };
  const Extent grid = model.vit().grid_of(images.dim(2), images.dim(3));
  train::StepTerms terms = run_step(model, inputs, grid, settings, micro_batches, loss_of);
  terms.samples = batch;
  return terms;
}

}  // namespace seqpe::models

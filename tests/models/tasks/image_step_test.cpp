// One step of an image classifier: its loss, at which positions.
#include "models/tasks/image_step.h"

#include <gtest/gtest.h>

#include "engine/autograd/node.h"
#include "engine/data/image_normalization.h"
#include "engine/ops/cross_entropy.h"
#include "engine/ops/image_batch.h"
#include "tests/support/micro_batches.h"
#include "tests/support/random_tensor.h"
#include "tests/support/tensor_compare.h"
#include "tests/support/tiny_image_classifier.h"

namespace seqpe::models {
namespace {

constexpr std::int64_t kBatch = 4;

ImageStep some_step(std::vector<std::int64_t> starts) {
  const Tensor pixels = Tensor::empty({kBatch, 16, 16, 3}, DType::u8);
  for (std::int64_t i = 0; i < pixels.numel(); ++i)
    pixels.data_as<std::uint8_t>()[i] =
        static_cast<std::uint8_t>(philox_word({.seed = 1}, static_cast<std::uint64_t>(i)));
  return {.step = 0,
          .pixels = pixels,
          .placements = {{.top = 2, .flipped = 1}, {}, {.left = -3}, {}},
          .mix = {.own_share = 0.75F, .partner_share = 0.25F},
          .targets = test::random_tensor({kBatch, 8}, 2, DType::f32, 0.0, 1.0),
          .positions = {.starts = std::move(starts)}};
}

/// Weights of some size: initial ones make all embeddings of positions nearly the same.
ImageClassifier lively_model() {
  ImageClassifier model = test::tiny_image_classifier();
  for (const nn::Parameter& parameter : model.parameters()) {
    for (double& value : parameter.value.span<double>()) value *= 8;
  }
  return model;
}

train::StepTerms compute(const ImageClassifier& model, const ImageStep& step,
                         std::int64_t micro_batch) {
  train::MicroBatches micro_batches(test::rows_at_once(kBatch, micro_batch));
  return run_step(model, step_inputs(model, step), {}, micro_batches);
}

TEST(ImageStep, EachImageHasTheBlockOfItsNumber) {
  const ImageClassifier model = lively_model();
  const ImageStep step = some_step({0, 0, 3, 9});
  const auto& [mean, standard_deviation] = data::kImageNetStatistics;
  const Tensor images = ops::image_batch(step.pixels, ops::image_placements(step.placements),
                                         ops::image_mix(step.mix), mean, standard_deviation);
  double loss = 0;
  for (std::int64_t b = 0; b < kBatch; ++b) {
    const autograd::NoGradGuard no_grad;
    const std::vector<std::int64_t> start =
        b % 2 == 0 ? std::vector<std::int64_t>{0, 0} : std::vector<std::int64_t>{3, 9};
    const Tensor pe = model.position().embed({{4, 4}, start}, {});
    const Tensor logits = model.vit().forward(images.rows(b, b + 1), pe, {});
    loss += ops::soft_cross_entropy(logits, step.targets.rows(b, b + 1)).item() / kBatch;
  }
  for (const std::int64_t micro_batch : {1, 2, 4}) {
    const train::StepTerms terms = compute(model, step, micro_batch);
    EXPECT_NEAR(terms.loss.item(), loss, 1e-12);
    EXPECT_EQ(terms.samples, kBatch);
  }
  const train::StepTerms unshifted = compute(model, some_step({0, 0}), kBatch);
  EXPECT_GT(std::abs(unshifted.loss.item() - loss), 1e-6) << "positions count";
}

TEST(ImageStep, MicroBatchesGiveTheGradientsOfTheWhole) {
  const auto gradients = [](std::int64_t micro_batch) {
    const ImageClassifier model = lively_model();
    compute(model, some_step({0, 0}), micro_batch);
    std::vector<Tensor> all;
    for (const nn::Parameter& parameter : model.parameters()) all.push_back(parameter.value.grad());
    return all;
  };
  const auto whole = gradients(kBatch), parts = gradients(1);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    ASSERT_TRUE(whole[i].defined()) << i;
    test::expect_close(parts[i], whole[i], 1e-11);
  }
}

}  // namespace
}  // namespace seqpe::models

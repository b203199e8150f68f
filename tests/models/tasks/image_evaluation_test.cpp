#include "models/tasks/image_evaluation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/data/generated_dataset.h"
#include "tests/support/expect_error.h"
#include "tests/support/tiny_image_classifier.h"

namespace seqpe::models {
namespace {

/// A model that answers with these logits, whatever it sees.
ImageClassifier constant_model(const std::vector<float>& logits) {
  ImageClassifier model = test::tiny_image_classifier({"model.position=none"}, DType::f32);
  model.vit().parameter("head.weight").fill(0.0);
  const Tensor bias = model.vit().parameter("head.bias");
  std::copy(logits.begin(), logits.end(), bias.data_as<float>());
  return model;
}

TEST(ImageEvaluation, CountsTheFirstAndTheFirstFive) {
  // Of 64 images each class has 8.
  const auto images = data::generated_dataset(data::Split::test, 64, 16);
  const ImageClassifier model = constant_model({0, 1, 2, 3, 4, 5, 6, 7});
  std::vector<std::int64_t> told;
  const SizeEvaluation result = evaluate_size(model, *images, data::square_size(16), 2,
                                              [&](std::int64_t done, std::int64_t total) {
                                                told.push_back(done);
                                                EXPECT_EQ(total, 64);
                                              });
  EXPECT_EQ(result.images, 64);
  EXPECT_DOUBLE_EQ(result.top1, 1 / 8.0);
  EXPECT_DOUBLE_EQ(result.top5, 5 / 8.0);
  double sum = 0;
  for (int c = 0; c < 8; ++c) sum += std::exp(static_cast<double>(c));
  EXPECT_NEAR(result.loss, std::log(sum) - 3.5, 1e-6);
  EXPECT_EQ(told.back(), 64);
  const train::EvalRow row = result.row();
  EXPECT_EQ(row[0].first, "size");
  EXPECT_EQ(std::get<std::int64_t>(row[0].second), 16);
}

TEST(ImageEvaluation, ATieIsNotFirst) {
  const auto images = data::generated_dataset(data::Split::test, 16, 16);
  const SizeEvaluation equal =
      evaluate_size(constant_model(std::vector<float>(8, 1.0F)), *images, data::square_size(16), 1);
  EXPECT_EQ(equal.top1, 0.0) << "all classes have the same logit: nothing was told";
  EXPECT_EQ(equal.top5, 0.0);
  EXPECT_NEAR(equal.loss, std::log(8.0), 1e-6);
}

TEST(ImageEvaluation, RefusesOtherClasses) {
  const auto images = data::generated_dataset(data::Split::test, 16, 16);
  const ImageClassifier model =
      test::tiny_image_classifier({"model.position=none", "model.classes=5"}, DType::f32);
  test::expect_error<DataError>([&] { evaluate_size(model, *images, data::square_size(16), 1); },
                                "[eval] the data must have the model's 5 classes, they have 8.");
}

}  // namespace
}  // namespace seqpe::models

#include "engine/train/step_inputs.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::train {
namespace {

StepInputs some() {
  StepInputs inputs;
  inputs.add("ids", Tensor::zeros({2, 3}, DType::i64));
  inputs.add("weight", 0.5);
  inputs.add("step", Tensor::from<std::int32_t>({1}, {7}));
  inputs.set_size("starts", 2);
  return inputs;
}

TEST(StepInputs, HoldTensorsNumbersAndSizes) {
  const StepInputs inputs = some();
  EXPECT_EQ(inputs.at("weight").item(), 0.5);
  EXPECT_EQ(inputs.at("step").span<std::int32_t>()[0], 7);
  EXPECT_EQ(inputs.size("starts"), 2);
  EXPECT_TRUE(inputs.has("ids"));
  EXPECT_FALSE(inputs.has("starts")) << "a size is no tensor";
  test::expect_error([&] { inputs.at("labels"); }, "[step] there is no input 'labels'.");
  test::expect_error([&] { inputs.size("ids"); }, "[step] there is no size 'ids'.");
  StepInputs again = inputs;
  test::expect_error([&] { again.add("ids", 1.0); }, "[step] there are two inputs 'ids'.");
  test::expect_error([&] { again.set_size("starts", 1); }, "[step] there are two sizes 'starts'.");
}

TEST(StepInputs, AreAlikeWhateverTheirValues) {
  StepInputs other;
  other.add("ids", Tensor::from<std::int64_t>({2, 3}, {1, 2, 3, 4, 5, 6}));
  other.add("weight", -1.0);
  other.add("step", Tensor::from<std::int32_t>({1}, {9}));
  EXPECT_FALSE(some().alike(other)) << "a size less";
  other.set_size("starts", 2);
  EXPECT_TRUE(some().alike(other));
  const auto with = [](const std::string& name, const Tensor& tensor) {
    StepInputs inputs;
    inputs.add("weight", 0.5);
    inputs.add("step", Tensor::from<std::int32_t>({1}, {7}));
    inputs.set_size("starts", 2);
    inputs.add(name, tensor);
    return inputs;
  };
  EXPECT_TRUE(some().alike(with("ids", Tensor::zeros({2, 3}, DType::i64))));
  EXPECT_FALSE(some().alike(with("ids", Tensor::zeros({3, 2}, DType::i64)))) << "a shape";
  EXPECT_FALSE(some().alike(with("ids", Tensor::zeros({2, 3}, DType::f64)))) << "a dtype";
  EXPECT_FALSE(some().alike(with("id", Tensor::zeros({2, 3}, DType::i64)))) << "a name";
}

}  // namespace
}  // namespace seqpe::train

#include "engine/ops/layer_norm.h"

#include "tests/support/gradient_check.h"

namespace seqpe {
namespace {

Tensor apply(const std::vector<Tensor>& in) {
  return ops::layer_norm(in[0], in[1], in[2], 1e-5);
}

std::vector<Tensor> inputs_of(std::int64_t rows, std::int64_t cols) {
  return {test::random_tensor({rows, cols}, 1),
          test::random_tensor({cols}, 2, DType::f64, 0.5, 1.5), test::random_tensor({cols}, 3)};
}

TEST(LayerNormOp, HandComputed) {
  // x = 1, 3: mean 2, variance 1; eps 0 gives -1, 1.
  const Tensor out =
      ops::layer_norm(Tensor::from<double>({1, 2}, {1, 3}), Tensor::from<double>({2}, {2, 4}),
                      Tensor::from<double>({2}, {10, 20}), 0.0);
  EXPECT_DOUBLE_EQ(out.data_as<double>()[0], 8.0);
  EXPECT_DOUBLE_EQ(out.data_as<double>()[1], 24.0);
}

TEST(LayerNormOp, Gradients) {
  for (const auto& [rows, cols] : {std::pair{1, 2}, {3, 7}, {5, 33}, {130, 3}}) {
    test::expect_gradients_match(apply, inputs_of(rows, cols), 1e-6);
  }
}

TEST(LayerNormOp, GradientsAccumulate) {
  test::expect_gradients_accumulate(apply, inputs_of(3, 5));
}

TEST(LayerNormOp, NoRows) {
  EXPECT_EQ(apply(inputs_of(0, 4)).shape(), (Shape{0, 4}));
}

TEST(LayerNormOp, FloatAgreesWithDouble) {
  const auto exact = inputs_of(9, 67);
  const Tensor expected = apply(exact);
  const Tensor out =
      ops::layer_norm(exact[0].to(DType::f32), exact[1].to(DType::f32), exact[2].to(DType::f32));
  for (std::int64_t i = 0; i < out.numel(); ++i) {
    EXPECT_NEAR(out.data_as<float>()[i], expected.data_as<double>()[i], 5e-6);
  }
}

TEST(LayerNormOp, Errors) {
  const Tensor x = Tensor::zeros({8, 4, 6});
  test::expect_error([&] { ops::layer_norm(x, Tensor::zeros({5}), Tensor::zeros({6})); },
                     "[layer_norm] weight must have shape [6] (last dimension of x), got [5].");
  test::expect_error(
      [&] { ops::layer_norm(x, Tensor::zeros({6}, DType::f64), Tensor::zeros({6})); },
      "[layer_norm] weight must be f32 on cpu like x, got f64 on cpu.");
}

}  // namespace
}  // namespace seqpe

#include "engine/ops/residual_layer_norm.h"

#include <algorithm>
#include <cmath>

#include "engine/ops/dropout.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/layer_norm.h"
#include "tests/support/gradient_check.h"

namespace seqpe {
namespace {

const ops::DropoutDraw kDropout{.probability = 0.4, .key = {7, 3, 2}, .first_element = 5};
/// The same where each row is the part of a longer one.
const ops::DropoutDraw kDropoutInRuns{
    .probability = 0.4, .key = {7, 3, 2}, .first_element = 5, .run = 67, .run_stride = 100};

/// Residual, branch, weight, bias.
std::vector<Tensor> inputs_of(std::int64_t rows, std::int64_t cols, DType dtype = DType::f64) {
  return {test::random_tensor({rows, cols}, 1, dtype), test::random_tensor({rows, cols}, 2, dtype),
          test::random_tensor({cols}, 3, dtype, 0.5, 1.5), test::random_tensor({cols}, 4, dtype)};
}

ops::ResidualLayerNorm fused(const std::vector<Tensor>& in, const ops::DropoutDraw& dropout) {
  return ops::residual_layer_norm(in[0], in[1], in[2], in[3], 1e-5, dropout);
}

TEST(ResidualLayerNormOp, HandComputed) {
  // sum = 1, 3: mean 2, variance 1; eps 0 gives -1, 1.
  const auto out = ops::residual_layer_norm(
      Tensor::from<double>({1, 2}, {0, 5}), Tensor::from<double>({1, 2}, {1, -2}),
      Tensor::from<double>({2}, {2, 4}), Tensor::from<double>({2}, {10, 20}), 0.0);
  EXPECT_DOUBLE_EQ(out.sum.data_as<double>()[0], 1.0);
  EXPECT_DOUBLE_EQ(out.sum.data_as<double>()[1], 3.0);
  EXPECT_DOUBLE_EQ(out.norm.data_as<double>()[0], 8.0);
  EXPECT_DOUBLE_EQ(out.norm.data_as<double>()[1], 24.0);
}

TEST(ResidualLayerNormOp, Gradients) {
  for (const auto& dropout : {ops::DropoutDraw{}, kDropout}) {
    for (const auto& [rows, cols] : {std::pair{1, 2}, {3, 7}, {130, 3}, {1, 1030}}) {
      const auto sum_of_both = [&](const std::vector<Tensor>& in) {
        const auto out = fused(in, dropout);
        return ops::add(ops::scale(out.sum, 0.7), out.norm);
      };
      if (cols < 100) test::expect_gradients_match(sum_of_both, inputs_of(rows, cols), 1e-6);
      test::expect_gradients_accumulate(sum_of_both, inputs_of(rows, cols));
    }
  }
}

TEST(ResidualLayerNormOp, GradientOfOneOutputAlone) {
  test::expect_gradients_match(
      [](const std::vector<Tensor>& in) { return fused(in, kDropout).norm; }, inputs_of(3, 5),
      1e-6);
  test::expect_gradients_match(
      [](const std::vector<Tensor>& in) { return fused(in, kDropout).sum; }, inputs_of(3, 5));
}

/// The op equals the two plain ones up to the rounding of multiply-adds, which a compiler may fuse
/// in one of the two kernels and not in the other.
TEST(ResidualLayerNormOp, EqualsItsParts) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const auto& dropout : {ops::DropoutDraw{}, kDropout, kDropoutInRuns}) {
      std::vector<std::vector<Tensor>> results;
      for (const bool one_pass : {true, false}) {
        auto in = inputs_of(33, 67, dtype);
        for (Tensor& tensor : in) tensor.set_requires_grad();
        ops::ResidualLayerNorm out;
        if (one_pass) {
          out = fused(in, dropout);
        } else {
          out.sum = dropout.probability == 0.0 ? ops::add(in[0], in[1])
                                               : ops::residual_dropout(in[0], in[1], dropout);
          out.norm = ops::layer_norm(out.sum, in[2], in[3], 1e-5);
        }
        autograd::backward({{out.sum, test::random_tensor(out.sum.shape(), 8, dtype)},
                            {out.norm, test::random_tensor(out.norm.shape(), 9, dtype)}});
        results.push_back(
            {out.sum, out.norm, in[0].grad(), in[1].grad(), in[2].grad(), in[3].grad()});
      }
      for (std::size_t i = 0; i < results[0].size(); ++i) {
        const Tensor a = results[0][i].to(DType::f64), b = results[1][i].to(DType::f64);
        // Gradients of weight and bias add up 33 rows.
        const double bound = 33 * (dtype == DType::f32 ? 0x1p-24 : 0x1p-53);
        for (std::int64_t e = 0; e < a.numel(); ++e) {
          const double expected = b.data_as<double>()[e];
          EXPECT_NEAR(a.data_as<double>()[e], expected, bound * std::max(1.0, std::abs(expected)))
              << "tensor " << i << " of " << name_of(dtype) << ", dropout " << dropout.probability;
        }
      }
    }
  }
}

TEST(ResidualLayerNormOp, NoRows) {
  EXPECT_EQ(fused(inputs_of(0, 4), {}).norm.shape(), (Shape{0, 4}));
}

TEST(ResidualLayerNormOp, Errors) {
  const Tensor x = Tensor::zeros({8, 6}), c = Tensor::zeros({6});
  test::expect_error(
      [&] {
        ops::residual_layer_norm(x, Tensor::zeros({8, 5}), c, c);
      },
      "[residual_layer_norm] branch must have shape [8, 6] (shape of residual), got "
      "[8, 5].");
  test::expect_error([&] { ops::residual_layer_norm(x, x, Tensor::zeros({5}), c); },
                     "[residual_layer_norm] weight must have shape [6] (last dimension of "
                     "residual), got [5].");
  test::expect_error([&] { ops::residual_layer_norm(x, x, c, c, 1e-5, {.probability = 1.0}); },
                     "[residual_layer_norm] the dropout probability must lie in [0, 1), got 1.");
}

}  // namespace
}  // namespace seqpe

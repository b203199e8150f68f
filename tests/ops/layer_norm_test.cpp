#include "engine/ops/layer_norm.h"

#include "tests/support/op_check.h"

namespace seqpe {
namespace {

using test::random_tensor;

Tensor apply(const std::vector<Tensor>& in) {
  return ops::layer_norm(in[0], in[1], in[2], 1e-5);
}

std::vector<Tensor> inputs_of(const Shape& shape) {
  const std::int64_t cols = shape.back();
  return {random_tensor(shape, 1), random_tensor({cols}, 2, DType::f64, 0.5, 1.5),
          random_tensor({cols}, 3)};
}

TEST(LayerNormOp, HandComputed) {
  // x = 1, 3: mean 2, variance 1; eps 0 gives -1, 1.
  const Tensor x = Tensor::from<double>({1, 2}, {1, 3}), weight = Tensor::from<double>({2}, {2, 4}),
               bias = Tensor::from<double>({2}, {10, 20});
  test::expect_values(ops::layer_norm(x, weight, bias, 0.0), {1, 2}, {8, 24}, 1e-14);
  // eps 3 halves them.
  test::expect_values(ops::layer_norm(x, weight, bias, 3.0), {1, 2}, {9, 22}, 1e-14);
}

TEST(LayerNormOp, Sound) {
  for (const Shape& shape : {Shape{2}, {1, 2}, {2, 3, 7}, {5, 33}, {9, 67}, {130, 3}, {0, 4}}) {
    test::OpCase op;
    op.name = to_string(shape);
    op.f = apply;
    op.inputs = inputs_of(shape);
    op.terms = static_cast<double>(std::max(shape.front(), shape.back()));
    test::expect_sound(op, 1e-6);  // 1 / deviation is large for few columns, so are its derivatives
  }
}

TEST(LayerNormOp, ConstantRows) {
  // Variance 0: eps alone keeps the result finite, the output is the bias.
  const Tensor x = Tensor::full({2, 3}, 7.0), bias = random_tensor({3}, 1, DType::f32);
  const Tensor out = ops::layer_norm(x, Tensor::full({3}, 1.0), bias);
  for (const std::int64_t row : {0, 1}) {
    EXPECT_TRUE(test::same_bits(out.rows(row, row + 1).view({3}), bias));
  }
}

TEST(LayerNormOp, FarFromZero) {
  // The variance is that of the differences from the mean, not of large squares.
  const Tensor out = ops::layer_norm(Tensor::from<float>({1, 2}, {10000, 10002}),
                                     Tensor::full({2}, 1.0), Tensor::zeros({2}), 0.0);
  test::expect_values(out, {1, 2}, {-1, 1}, 1e-6);
}

TEST(LayerNormOp, Errors) {
  const Tensor x = Tensor::zeros({8, 4, 6}), six = Tensor::zeros({6});
  const auto call = [](const Tensor& input, const Tensor& weight, const Tensor& bias) {
    return [=] { ops::layer_norm(input, weight, bias); };
  };
  test::expect_refused({
      {call({}, six, six), "[layer_norm] x must be a tensor, got an undefined one."},
      {call(Tensor::from<std::int64_t>({1}, {0}), six, six),
       "[layer_norm] x must be f32, f64 or bf16, got i64."},
      {call(Tensor::zeros({}), six, six), "[layer_norm] x must have a last dimension > 0, got []."},
      {call(Tensor::zeros({2, 0}), six, six),
       "[layer_norm] x must have a last dimension > 0, got [2, 0]."},
      {call(x, {}, six), "[layer_norm] weight must be a tensor, got an undefined one."},
      {call(x, six, {}), "[layer_norm] bias must be a tensor, got an undefined one."},
      {call(x, Tensor::zeros({5}), six),
       "[layer_norm] weight must have shape [6] (last dimension of x), got [5]."},
      {call(x, six, Tensor::zeros({1, 6})),
       "[layer_norm] bias must have shape [6] (last dimension of x), got [1, 6]."},
      {call(x, six.to(DType::f64), six),
       "[layer_norm] weight must be f32 on cpu like x, got f64 on cpu."},
      {call(x, six, six.to(DType::bf16)),
       "[layer_norm] bias must be f32 on cpu like x, got bf16 on cpu."},
  });
}

}  // namespace
}  // namespace seqpe

#include "engine/ops/loss.h"

#include "engine/ops/elementwise.h"
#include "tests/support/expect_error.h"
#include "tests/support/gradient_check.h"
#include "tests/support/op_check.h"

namespace seqpe::ops {
namespace {

Tensor number(double value) {
  return Tensor::full({1}, value, DType::f64);
}

TEST(WeightedSumOp, HandComputed) {
  Tensor a = number(3), b = number(-2);
  a.set_requires_grad();
  b.set_requires_grad();
  const Tensor sum = weighted_sum({{a, 2.0}, {b, 0.5}, {a, 1.0}, {number(100), 0.25}});
  test::expect_values(sum, {1}, {33}, 1e-15);
  autograd::backward(sum, number(10));
  test::expect_values(a.grad(), {1}, {30}, 1e-15);
  test::expect_values(b.grad(), {1}, {5}, 1e-15);
  EXPECT_FALSE(weighted_sum({{number(1), 1.0}}).requires_grad());
  a.clear_grad();
  const Tensor scaled = weighted_sum({{a, 2.0, number(-0.5)}, {b}});
  test::expect_values(scaled, {1}, {-5}, 1e-15);
  autograd::backward(scaled, number(10));
  test::expect_values(a.grad(), {1}, {-10}, 1e-15);
}

TEST(WeightedSumOp, GradientsOverwriteOrAddUp) {
  Tensor a = number(3);
  a.set_requires_grad();
  for (int pass = 0; pass < 2; ++pass) autograd::backward(weighted_sum({{a, 2.0}}));
  test::expect_values(a.grad(), {1}, {4}, 1e-15);
  a.clear_grad();
  autograd::backward(weighted_sum({{a, 2.0}}));
  test::expect_values(a.grad(), {1}, {2}, 1e-15);
}

TEST(WeightedSumOp, GradientCheck) {
  test::expect_gradients_match(
      [](const std::vector<Tensor>& in) {
        return weighted_sum({{multiply(in[0], in[1]), -1.5}, {in[0], 0.3}});
      },
      {number(0.7), number(-1.1)});
}

TEST(WeightedSumOp, Errors) {
  const auto call = [](const std::vector<WeightedLoss>& losses) {
    return [=] { weighted_sum(losses); };
  };
  test::expect_error(call({}), "[weighted_sum] there must be 1 to 8 losses, got 0.");
  test::expect_error(call({{Tensor::zeros({2}, DType::f64), 1.0}}),
                     "[weighted_sum] a loss must be one f64 number, got f64 [2].");
  test::expect_error(call({{Tensor::zeros({1}), 1.0}}),
                     "[weighted_sum] a loss must be one f64 number, got f32 [1].");
  test::expect_error(call({{number(1), 1.0, Tensor::zeros({2}, DType::f64)}}),
                     "[weighted_sum] a factor must be one f64 number, got f64 [2].");
  test::expect_error(call({{Tensor(), 1.0}}),
                     "[weighted_sum] a loss must be one f64 number, got an undefined tensor.");
}

}  // namespace
}  // namespace seqpe::ops

#include "engine/autograd/backward.h"

#include <gtest/gtest.h>

#include "engine/core/allocator.h"
#include "engine/ops/layer_norm.h"
#include "tests/support/gradient_check.h"

namespace seqpe {
namespace {

Tensor norm(const Tensor& x) {
  return ops::layer_norm(x, Tensor::full({x.dim(-1)}, 1.0, DType::f64),
                         Tensor::zeros({x.dim(-1)}, DType::f64));
}

TEST(Backward, ChainAndSharedInput) {
  // One leaf used as x and as weight of the same op: both gradients add up in it.
  test::expect_gradients_match(
      [](const std::vector<Tensor>& in) { return norm(ops::layer_norm(in[0], in[0], in[0])); },
      {test::random_tensor({5}, 3)}, 1e-6);
}

TEST(Backward, ViewsShareTheGradient) {
  Tensor x = test::random_tensor({2, 6}, 4);
  x.set_requires_grad();
  const Tensor out = norm(x.view({3, 4})).view({12});
  autograd::backward(out, test::random_tensor({12}, 5));
  EXPECT_EQ(x.grad().shape(), (Shape{2, 6}));
}

TEST(Backward, SecondPassIsRefused) {
  Tensor x = test::random_tensor({1, 4}, 4);
  x.set_requires_grad();
  const Tensor out = norm(x);
  autograd::backward(out, Tensor::full({1, 4}, 1.0, DType::f64));
  test::expect_error(
      [&] {
        autograd::backward(out, Tensor::full({1, 4}, 1.0, DType::f64));
      },
      "[backward] the graph was freed by an earlier backward. Hint: run the forward pass again.");
}

TEST(Backward, NoGradRecordsNothing) {
  Tensor x = test::random_tensor({1, 4}, 4);
  x.set_requires_grad();
  const autograd::NoGradGuard no_grad;
  EXPECT_FALSE(norm(x).requires_grad());
}

TEST(Backward, LongChainsNeitherRecurseNorLeak) {
  const std::size_t before = allocator(Device::cpu).stats().current;
  {
    Tensor x = test::random_tensor({1, 2}, 4);
    x.set_requires_grad();
    Tensor y = x;
    for (int i = 0; i < 100000; ++i) y = norm(y);
    // Dropped without a backward pass: destruction must not recurse through 100,000 nodes.
  }
  EXPECT_EQ(allocator(Device::cpu).stats().current, before);
}

TEST(Backward, FreesAsItGoes) {
  Tensor x = test::random_tensor({64, 64}, 4);
  x.set_requires_grad();
  Tensor y = x;
  for (int i = 0; i < 20; ++i) y = norm(y);
  allocator(Device::cpu).reset_peak();
  const std::size_t forward = allocator(Device::cpu).stats().current;
  autograd::backward(y, test::random_tensor({64, 64}, 9));
  // The gradients in flight are two tensors and the leaf's; the saved tensors shrink meanwhile.
  EXPECT_LT(allocator(Device::cpu).stats().peak, forward + 5 * x.bytes());
  EXPECT_LT(allocator(Device::cpu).stats().current, forward - 15 * x.bytes());
}

}  // namespace
}  // namespace seqpe

#include "engine/autograd/backward.h"

#include <gtest/gtest.h>

#include "engine/core/allocator.h"
#include "engine/ops/cross_entropy.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/layer_norm.h"
#include "engine/ops/linear.h"
#include "tests/support/leaf.h"
#include "tests/support/op_check.h"
#include "tests/support/tensor_compare.h"

namespace seqpe {
namespace {

using test::leaf;

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

constexpr const char* kFreed =
    "[backward] the graph was freed by an earlier backward. Hint: run the forward pass again.";

Tensor ones(const Shape& shape) {
  return Tensor::full(shape, 1.0, DType::f64);
}

TEST(Backward, TensorUsedTwice) {
  const Tensor x = leaf({3, -2});
  autograd::backward(ops::add(ops::multiply(x, x), ops::scale(x, 10)), ones({2}));
  test::expect_values(x.grad(), {2}, {16, 6});
}

TEST(Backward, ViewsAddUpInOneGradient) {
  Tensor x = Tensor::from<double>({2, 2}, {1, 2, 3, 4});
  x.set_requires_grad();
  const Tensor squares = ops::multiply(x.view({4}), x.view({4}));
  autograd::backward(ops::add(squares.view({2, 2}), x), ones({4}));
  test::expect_values(x.grad(), {2, 2}, {3, 5, 7, 9});
}

TEST(Backward, Diamonds) {
  // y = a (a + 2 (3 a)) = 7 a^2 with a = 5 x: the arms have different lengths, and what lies before
  // a must wait for all of them.
  const Tensor x = leaf({2});
  const Tensor a = ops::scale(x, 5);
  const Tensor y = ops::multiply(a, ops::add(a, ops::scale(ops::scale(a, 3), 2)));
  autograd::backward(y);
  test::expect_values(x.grad(), {1}, {2 * 7 * 25 * 2.0});
}

TEST(Backward, EveryNodeRunsOnce) {
  // 2^60 paths lead from the end to the leaf.
  const Tensor x = leaf({1});
  Tensor y = x;
  for (int i = 0; i < 60; ++i) y = ops::add(y, y);
  autograd::backward(y);
  test::expect_values(x.grad(), {1}, {0x1p60});
}

TEST(Backward, OnlyWhatTheLossDependsOn) {
  const Tensor x = leaf({1}), other = leaf({1});
  const Tensor unused = ops::multiply(x, other);
  autograd::backward(ops::scale(x, 3));
  test::expect_values(x.grad(), {1}, {3});
  EXPECT_FALSE(other.grad().defined());
  // The unused branch is a graph of its own still.
  autograd::backward(unused);
  test::expect_values(x.grad(), {1}, {4});
  test::expect_values(other.grad(), {1}, {1});
}

TEST(Backward, InnerTensorsKeepNoGradient) {
  const Tensor x = leaf({1}), inner = ops::scale(x, 2);
  autograd::backward(ops::scale(inner, 3));
  EXPECT_FALSE(inner.grad().defined());
  EXPECT_TRUE(x.grad().defined());
}

TEST(Backward, SecondPassIsRefused) {
  const Tensor x = leaf({1, 2}), out = norm(x);
  autograd::backward(out, ones({2}));
  test::expect_error([&] { autograd::backward(out, ones({2})); }, kFreed);
}

TEST(Backward, SecondPassThroughASharedPartIsRefused) {
  const Tensor x = leaf({1}), shared = ops::scale(x, 2);
  const Tensor first = ops::scale(shared, 3), second = ops::scale(shared, 5);
  autograd::backward(first);
  test::expect_error([&] { autograd::backward(second); }, kFreed);
  test::expect_values(x.grad(), {1}, {6});
}

TEST(Backward, FreedTensorInANewGraphIsRefused) {
  const Tensor x = leaf({1}), y = ops::scale(x, 2);
  autograd::backward(y);
  test::expect_error([&] { autograd::backward(ops::scale(y, 3)); }, kFreed);
  autograd::backward(ops::multiply(x, y.detach()));  // as a constant it may be used
  test::expect_values(x.grad(), {1}, {4});
}

TEST(Backward, SeveralRoots) {
  // early = 2 x and late = 3 early: dx = 2 (10 + 3 * 100).
  const Tensor grad_early = Tensor::full({1}, 10.0, DType::f64),
               grad_late = Tensor::full({1}, 100.0, DType::f64);
  for (const bool earlier_first : {false, true}) {
    SCOPED_TRACE(earlier_first);
    const Tensor x = leaf({1});
    const Tensor early = ops::scale(x, 2), late = ops::scale(early, 3);
    std::vector<autograd::Root> roots = {{early, grad_early}, {late, grad_late}};
    if (!earlier_first) std::swap(roots[0], roots[1]);
    autograd::backward(roots);
    test::expect_values(x.grad(), {1}, {620});
    // What the caller gave is the caller's.
    test::expect_values(grad_early, {1}, {10});
    test::expect_values(grad_late, {1}, {100});
  }
}

TEST(Backward, OneTensorAsSeveralRoots) {
  const Tensor x = leaf({1, 1}), y = ops::scale(x, 2);
  const Tensor grad = Tensor::from<double>({2}, {1, 10});
  autograd::backward({{y, grad}, {y.view({2, 1}), grad}, {y, grad}});
  test::expect_values(x.grad(), {2}, {6, 60});
  test::expect_values(grad, {2}, {1, 10});
}

TEST(Backward, IndependentRoots) {
  const Tensor x = leaf({1}), z = leaf({1});
  autograd::backward({{ops::scale(x, 2), ones({1})}, {ops::multiply(x, z), ones({1})}});
  test::expect_values(x.grad(), {1}, {3});
  test::expect_values(z.grad(), {1}, {1});
}

TEST(Backward, RefusedRootsLeaveNoTrace) {
  const Tensor x = leaf({1}), y = ops::scale(x, 2);
  test::expect_error(
      [&] {
        autograd::backward({{y, ones({1})}, {x, ones({1})}});
      },
      "[backward] the tensor is a leaf: nothing was computed.");
  EXPECT_FALSE(x.grad().defined());
  autograd::backward(y);
  test::expect_values(x.grad(), {1}, {2});
}

/// A bf16 leaf whose gradient is kept in float32, as a parameter's in mixed precision.
Tensor wide_leaf(const Shape& shape, std::uint64_t seed) {
  Tensor x = test::random_tensor(shape, seed, DType::bf16);
  x.set_requires_grad();
  x.variable()->grad = Tensor::empty(shape, DType::f32);
  return x;
}

// 256 + 1 is not a bf16 number: gradients that added up in bf16 would stay at 256.
TEST(Backward, GradientsOfNarrowLeavesAddUpWide) {
  const Tensor x = wide_leaf({2}, 1);
  const Tensor many = Tensor::full({2}, 256.0, DType::bf16),
               one = Tensor::full({2}, 1.0, DType::bf16);
  autograd::backward(ops::add(ops::scale(x, 1.0), ops::multiply(x, many)), one);
  EXPECT_EQ(test::elements<float>(x.grad()), (std::vector<float>{257, 257}));
  autograd::backward(ops::scale(x, 1.0), one);
  EXPECT_EQ(test::elements<float>(x.grad()), (std::vector<float>{258, 258}));
  x.clear_grad();
  autograd::backward(ops::scale(x, 3.0), one);
  EXPECT_EQ(test::elements<float>(x.grad()), (std::vector<float>{3, 3}));
}

// linear writes the gradients of weight and bias in float32 itself: more digits than bf16 has.
TEST(Backward, LinearWritesWideGradients) {
  const Tensor x = test::random_tensor({9, 5}, 2, DType::bf16),
               grad = test::random_tensor({9, 3}, 3, DType::bf16);
  const Tensor weight = wide_leaf({5, 3}, 4), bias = wide_leaf({3}, 5);
  autograd::backward(ops::linear(x, weight, bias, ops::WeightLayout::in_out), grad);
  const auto xs = test::elements<double>(x.to(DType::f64)),
             gs = test::elements<double>(grad.to(DType::f64));
  const auto of_weight = test::elements<float>(weight.grad()),
             of_bias = test::elements<float>(bias.grad());
  for (std::size_t o = 0; o < 3; ++o) {
    double sum = 0;
    for (std::size_t r = 0; r < 9; ++r) sum += gs[r * 3 + o];
    EXPECT_NEAR(of_bias[o], sum, 1e-6);
    for (std::size_t i = 0; i < 5; ++i) {
      double product = 0;
      for (std::size_t r = 0; r < 9; ++r) product += xs[r * 5 + i] * gs[r * 3 + o];
      EXPECT_NEAR(of_weight[i * 3 + o], product, 1e-6);
    }
  }
}

// One input's gradient is written beside the wide one, the other's straight into it.
TEST(Backward, ANarrowLeafMayBeTwoInputsOfOneNode) {
  const Tensor weight = wide_leaf({3, 3}, 4);
  const Tensor grad = test::random_tensor({3, 3}, 5, DType::bf16);
  Tensor exact = weight.to(DType::f64);
  exact.set_requires_grad();
  autograd::backward(ops::linear(exact, exact, {}, ops::WeightLayout::in_out), grad.to(DType::f64));
  for (int pass = 1; pass <= 2; ++pass) {
    autograd::backward(ops::linear(weight, weight, {}, ops::WeightLayout::in_out), grad);
    const auto found = test::elements<float>(weight.grad());
    const auto expected = test::elements<double>(exact.grad());
    // Half of the sum was rounded to bf16.
    for (std::size_t i = 0; i < found.size(); ++i)
      EXPECT_NEAR(found[i], pass * expected[i], 0x1p-7 * pass) << i;
  }
}

// So does the head: its gradient adds up over chunks of logits.
TEST(Backward, TheHeadWritesWideGradients) {
  const Tensor x = test::random_tensor({9, 5}, 2, DType::bf16), weight = wide_leaf({3, 5}, 4);
  const Tensor labels = Tensor::from({9}, std::vector<std::int64_t>{0, 1, 2, 2, 1, 0, 0, 2, 1});
  autograd::backward(ops::linear_cross_entropy(x, weight, labels).loss);
  const Tensor exact_x = x.to(DType::f64);
  Tensor exact_weight = weight.to(DType::f64);
  exact_weight.set_requires_grad();
  autograd::backward(ops::linear_cross_entropy(exact_x, exact_weight, labels).loss);
  const auto found = test::elements<float>(weight.grad());
  const auto expected = test::elements<double>(exact_weight.grad());
  const auto rounded = test::elements<float>(weight.grad().to(DType::bf16).to(DType::f32));
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], 5e-3);  // the logits' gradients are bf16
  EXPECT_NE(found, rounded) << "it has digits that bf16 lacks";
}

TEST(Backward, Errors) {
  const Tensor x = leaf({1, 2, 3}), y = ops::scale(x, 2);
  const auto call = [](const Tensor& output, const Tensor& grad) {
    return [=] { autograd::backward(output, grad); };
  };
  const auto scalar = [](const Tensor& loss) { return [=] { autograd::backward(loss); }; };
  const std::string no_leaf = "[backward] the tensor depends on no leaf that wants a gradient.";
  test::expect_refused({
      {scalar(y), "[backward] the loss must be one element, got [3]."},
      {scalar({}), "[backward] the loss must be one element, got an undefined tensor."},
      {scalar(ones({1})), no_leaf},
      {scalar(leaf({1})), "[backward] the tensor is a leaf: nothing was computed."},
      {call({}, ones({3})), no_leaf},
      {call(y.detach(), ones({3})), no_leaf},
      {call(x, ones({3})), "[backward] the tensor is a leaf: nothing was computed."},
      {call(y, {}), "[backward] the gradient must be f64 [3] on cpu, got an undefined tensor."},
      {call(y, ones({2})), "[backward] the gradient must be f64 [3] on cpu, got f64 [2] on cpu."},
      {call(y, ones({3}).to(DType::f32)),
       "[backward] the gradient must be f64 [3] on cpu, got f32 [3] on cpu."},
  });
}

TEST(Backward, LongChainsNeitherRecurseNorLeak) {
  const std::size_t before = allocator(Device::cpu).stats().current;
  {
    Tensor x = test::random_tensor({1, 2}, 4);
    x.set_requires_grad();
    Tensor y = x;
    for (int i = 0; i < 100000; ++i) y = ops::scale(y, 1.0);
    // Dropped without a backward pass: destruction must not recurse through 100,000 nodes.
  }
  EXPECT_EQ(allocator(Device::cpu).stats().current, before);
}

TEST(Backward, LongChainsRunBackward) {
  const std::size_t before = allocator(Device::cpu).stats().current;
  {
    const Tensor x = leaf({1});
    Tensor y = x;
    for (int i = 0; i < 100000; ++i) y = ops::scale(y, i % 2 == 0 ? 2 : 0.5);
    autograd::backward(y);
    test::expect_values(x.grad(), {1}, {1});
    y = Tensor();
    EXPECT_EQ(allocator(Device::cpu).stats().current, before + 2 * x.bytes());
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

TEST(Backward, LeavesOnlyTheGradients) {
  const std::size_t before = allocator(Device::cpu).stats().current;
  const Tensor x = leaf({1, 2, 3, 4});
  Tensor y = x;
  for (int i = 0; i < 20; ++i) y = ops::multiply(y, x);
  autograd::backward(y, ones({4}));
  // x, its gradient and y: the end of the graph is still held, what it saved is not.
  EXPECT_EQ(allocator(Device::cpu).stats().current, before + 3 * x.bytes());
}

}  // namespace
}  // namespace seqpe

#include "engine/autograd/node.h"

#include <thread>

#include "engine/autograd/backward.h"
#include "engine/core/allocator.h"
#include "engine/ops/elementwise.h"
#include "tests/support/leaf.h"
#include "tests/support/op_check.h"

namespace seqpe {
namespace {

using autograd::NoGradGuard;
using test::leaf;

TEST(Node, ConstantsRecordNothing) {
  const Tensor x = Tensor::zeros({2});
  const Tensor out = ops::add(x, x);
  EXPECT_FALSE(out.requires_grad());
  EXPECT_EQ(out.variable(), nullptr);
}

TEST(Node, OneWantedInputIsEnough) {
  Tensor x = Tensor::zeros({2});
  x.set_requires_grad();
  const Tensor constant = Tensor::zeros({2});
  for (const Tensor& out : {ops::add(x, constant), ops::add(constant, x)}) {
    ASSERT_TRUE(out.requires_grad());
    EXPECT_NE(out.variable()->producer, nullptr);
  }
  EXPECT_FALSE(constant.requires_grad());
}

TEST(Node, UndefinedInputsCountAsAbsent) {
  EXPECT_FALSE(autograd::needs_recording({}));
  EXPECT_FALSE(autograd::needs_recording({Tensor(), Tensor::zeros({1})}));
  EXPECT_TRUE(autograd::needs_recording({Tensor(), leaf({1})}));
}

TEST(Node, LaterNodesHaveLargerNumbers) {
  const Tensor x = leaf({1}), y = ops::scale(x, 2), z = ops::scale(x, 3);
  EXPECT_LT(y.variable()->producer->sequence(), z.variable()->producer->sequence());
}

TEST(NoGrad, RecordsNothingAndSavesNothing) {
  const Tensor x = leaf({1, 2});
  const NoGradGuard no_grad;
  EXPECT_FALSE(autograd::grad_enabled());
  const std::size_t before = allocator(Device::cpu).stats().current;
  Tensor y = x;
  for (int i = 0; i < 10; ++i) y = ops::multiply(y, x);
  EXPECT_FALSE(y.requires_grad());
  EXPECT_TRUE(x.requires_grad());
  EXPECT_EQ(allocator(Device::cpu).stats().current, before + y.bytes());
}

TEST(NoGrad, EndsWithItsScope) {
  EXPECT_TRUE(autograd::grad_enabled());
  {
    const NoGradGuard outer;
    { const NoGradGuard inner; }
    EXPECT_FALSE(autograd::grad_enabled()) << "the inner scope must not switch recording on";
  }
  EXPECT_TRUE(autograd::grad_enabled());
  try {
    const NoGradGuard no_grad;
    throw Error("leave the scope");
  } catch (const Error&) {
    EXPECT_TRUE(autograd::grad_enabled());
  }
}

TEST(NoGrad, ConcernsItsThreadOnly) {
  const NoGradGuard no_grad;
  bool elsewhere = false;
  std::thread([&] { elsewhere = autograd::grad_enabled(); }).join();
  EXPECT_TRUE(elsewhere);
}

/// (x, 2 x), with gradients for the outputs that have one.
struct TwiceNode final : autograd::Node {
  void backward() override {
    const autograd::GradTarget target = grad_target(0);
    for (std::int64_t i = 0; i < target.grad.numel(); ++i) {
      double sum = target.write == Write::accumulate ? target.grad.data_as<double>()[i] : 0.0;
      for (const std::size_t n : {0u, 1u}) {
        if (grad_output(n).defined()) {
          sum += static_cast<double>(n + 1) * grad_output(n).data_as<double>()[i];
        }
      }
      target.grad.data_as<double>()[i] = sum;
    }
  }
};

struct Pair {
  Tensor once, twice;
};

Pair one_and_two(const Tensor& x) {
  Pair pair{x.clone(), x.clone()};
  for (double& value : pair.twice.span<double>()) value *= 2;
  autograd::record<TwiceNode>({x}, {pair.once, pair.twice});
  return pair;
}

TEST(Node, SeveralOutputs) {
  {
    const Tensor x = leaf({3});
    const Pair pair = one_and_two(x);
    autograd::backward(ops::multiply(pair.once, pair.twice));  // 2 x^2
    test::expect_values(x.grad(), {1}, {12});
  }
  {
    const Tensor x = leaf({3});
    autograd::backward(ops::scale(one_and_two(x).twice, 5));  // the first output is gone
    test::expect_values(x.grad(), {1}, {10});
  }
  {
    const Tensor x = leaf({3});
    const Pair pair = one_and_two(x);
    autograd::backward(ops::scale(pair.once, 5));
    test::expect_values(x.grad(), {1}, {5});
    // One walk went through the node: the other output's part of it is gone.
    test::expect_error([&] { autograd::backward(pair.twice); },
                       "[backward] the graph was freed by an earlier backward. Hint: run the "
                       "forward pass again.");
  }
}

}  // namespace
}  // namespace seqpe

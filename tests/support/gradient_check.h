// Compares the gradients of an op with central differences in float64.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "engine/autograd/backward.h"
#include "engine/autograd/node.h"
#include "tests/support/expect_error.h"
#include "tests/support/random_tensor.h"
#include "tests/support/thread_count.h"

namespace seqpe::test {

using Function = std::function<Tensor(const std::vector<Tensor>&)>;

/// sum(f(inputs) * probe), without recording.
inline double probed_sum(const Function& f, const std::vector<Tensor>& inputs,
                         const Tensor& probe) {
  const autograd::NoGradGuard no_grad;
  const Tensor out = f(inputs);
  double sum = 0;
  for (std::int64_t i = 0; i < out.numel(); ++i)
    sum += out.data_as<double>()[i] * probe.data_as<double>()[i];
  return sum;
}

/// Every element of every floating input must have the gradient that central differences give, to
/// `tolerance` * max(1, largest gradient of the tensor): with f64 and a step of 1e-5 their own
/// error is about 1e-9.
inline void expect_gradients_match(const Function& f, std::vector<Tensor> inputs,
                                   double tolerance = 1e-7) {
  // Central differences are thousands of tiny passes: waking threads for them takes longer.
  const ThreadCount one(1);
  for (Tensor& input : inputs) {
    if (is_floating(input.dtype())) input.set_requires_grad();
  }
  const Tensor out = f(inputs);
  ASSERT_EQ(out.dtype(), DType::f64) << "gradient checks run in float64";
  const Tensor probe = random_tensor(out.shape(), 1234);
  autograd::backward(out, probe);
  constexpr double kStep = 1e-5;
  for (std::size_t n = 0; n < inputs.size(); ++n) {
    if (!is_floating(inputs[n].dtype())) continue;
    const Tensor grad = inputs[n].grad();
    ASSERT_TRUE(grad.defined()) << "input " << n << " got no gradient";
    double largest = 1.0;
    for (const double g : grad.span<double>()) largest = std::max(largest, std::abs(g));
    for (std::int64_t i = 0; i < inputs[n].numel(); ++i) {
      double& element = inputs[n].data_as<double>()[i];
      const double before = element;
      element = before + kStep;
      const double above = probed_sum(f, inputs, probe);
      element = before - kStep;
      const double below = probed_sum(f, inputs, probe);
      element = before;
      EXPECT_NEAR(grad.data_as<double>()[i], (above - below) / (2 * kStep), tolerance * largest)
          << "input " << n << ", element " << i;
    }
  }
}

/// Runs backward on three fresh graphs: the second pass must add the same gradients once more, the
/// third, after clear_grad, must overwrite whatever lies there, here NaN.
inline void expect_gradients_accumulate(const Function& f, std::vector<Tensor> inputs) {
  std::vector<Tensor> leaves;
  for (Tensor& input : inputs) {
    if (is_floating(input.dtype())) leaves.push_back(input.set_requires_grad());
  }
  const auto pass = [&] {
    const Tensor out = f(inputs);
    autograd::backward(out, random_tensor(out.shape(), 1234, out.dtype()));
    std::vector<Tensor> grads;
    for (const Tensor& leaf : leaves) grads.push_back(leaf.grad().clone().to(DType::f64));
    return grads;
  };
  const std::vector<Tensor> once = pass(), twice = pass();
  for (const Tensor& leaf : leaves) {
    leaf.grad().fill(std::numeric_limits<double>::quiet_NaN());
    leaf.clear_grad();
    ASSERT_FALSE(leaf.grad().defined());
  }
  const std::vector<Tensor> again = pass();
  for (std::size_t n = 0; n < leaves.size(); ++n) {
    for (std::int64_t i = 0; i < leaves[n].numel(); ++i) {
      const double expected = once[n].data_as<double>()[i];
      EXPECT_NEAR(twice[n].data_as<double>()[i], 2 * expected,
                  1e-12 * std::max(1.0, std::abs(expected)))
          << "input " << n << ", element " << i;
      EXPECT_EQ(again[n].data_as<double>()[i], expected)
          << "input " << n << ", element " << i << " is not overwritten";
    }
  }
}

}  // namespace seqpe::test

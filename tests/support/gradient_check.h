// Compares the gradients of an op with central differences in float64.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "engine/autograd/backward.h"
#include "engine/autograd/node.h"
#include "tests/support/expect_error.h"
#include "tests/support/random_tensor.h"

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

/// Runs backward twice on fresh graphs: the second pass must add the same gradients once more.
inline void expect_gradients_accumulate(const Function& f, std::vector<Tensor> inputs) {
  for (Tensor& input : inputs) {
    if (is_floating(input.dtype())) input.set_requires_grad();
  }
  std::vector<Tensor> first;
  for (int pass = 0; pass < 2; ++pass) {
    const Tensor out = f(inputs);
    autograd::backward(out, random_tensor(out.shape(), 1234, out.dtype()));
    for (std::size_t n = 0; pass == 0 && n < inputs.size(); ++n) {
      first.push_back(is_floating(inputs[n].dtype()) ? inputs[n].grad().clone() : Tensor());
    }
  }
  for (std::size_t n = 0; n < inputs.size(); ++n) {
    if (!first[n].defined()) continue;
    const Tensor once = first[n].to(DType::f64), twice = inputs[n].grad().to(DType::f64);
    for (std::int64_t i = 0; i < once.numel(); ++i) {
      EXPECT_NEAR(twice.data_as<double>()[i], 2 * once.data_as<double>()[i], 1e-12)
          << "input " << n;
    }
  }
}

}  // namespace seqpe::test

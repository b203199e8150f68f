// Gradients of whole models, where one difference an element would take too long.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "engine/autograd/backward.h"
#include "engine/autograd/node.h"
#include "engine/nn/parameter.h"
#include "tests/support/random_tensor.h"

namespace seqpe::test {

/// For each parameter the derivative of sum(f() * probe) along a random direction, by central
/// differences in float64, must be the gradient's product with that direction. With a step of 1e-5
/// the differences' own error is about 1e-9 of the largest of these numbers.
inline void expect_directional_gradients(const std::function<Tensor()>& f,
                                         const std::vector<nn::Parameter>& parameters,
                                         double tolerance = 1e-7) {
  for (const nn::Parameter& parameter : parameters) parameter.value.clear_grad();
  const Tensor out = f(), probe = random_tensor(out.shape(), 1234);
  autograd::backward(out, probe);
  const autograd::NoGradGuard no_grad;
  const auto dot = [](const Tensor& a, const Tensor& b) {
    double sum = 0;
    for (std::int64_t i = 0; i < a.numel(); ++i)
      sum += a.data_as<double>()[i] * b.data_as<double>()[i];
    return sum;
  };
  constexpr double kStep = 1e-5;
  std::uint64_t seed = 5000;
  for (const nn::Parameter& parameter : parameters) {
    const Tensor value = parameter.value.detach(), before = value.clone();
    const Tensor direction = random_tensor(value.shape(), ++seed);
    const auto moved = [&](double step) {
      for (std::int64_t i = 0; i < value.numel(); ++i)
        value.data_as<double>()[i] =
            before.data_as<double>()[i] + step * direction.data_as<double>()[i];
      return dot(f(), probe);
    };
    const double slope = (moved(kStep) - moved(-kStep)) / (2 * kStep);
    value.copy_from(before);
    ASSERT_TRUE(parameter.value.grad().defined()) << parameter.name << " got no gradient";
    EXPECT_NEAR(dot(parameter.value.grad(), direction), slope,
                tolerance * std::max(1.0, std::abs(slope)))
        << parameter.name;
  }
}

}  // namespace seqpe::test

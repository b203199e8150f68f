// Softmax, cross-entropy and their gradients as they are defined, one row at a time.
#pragma once

#include <algorithm>
#include <cmath>

#include "tests/support/kernel_test.h"

namespace seqpe::reference {

inline test::Doubles log_softmax(const test::Doubles& x) {
  double maximum = x[0], sum = 0;
  for (const double value : x) maximum = std::max(maximum, value);
  for (const double value : x) sum += std::exp(value - maximum);
  test::Doubles out;
  for (const double value : x) out.push_back(value - maximum - std::log(sum));
  return out;
}

inline test::Doubles softmax(const test::Doubles& x) {
  test::Doubles out = log_softmax(x);
  for (double& value : out) value = std::exp(value);
  return out;
}

/// -sum(target * log(softmax(x))): the target is 1 - e at the label plus e / cols everywhere.
/// Writes the gradient of x.
inline double cross_entropy(const test::Doubles& x, std::size_t label, double smoothing,
                            test::Doubles& grad) {
  const test::Doubles log_p = log_softmax(x);
  double loss = 0;
  grad.resize(x.size());
  for (std::size_t c = 0; c < x.size(); ++c) {
    const double target =
        smoothing / static_cast<double>(x.size()) + (c == label ? 1 - smoothing : 0);
    if (target > 0) loss -= target * log_p[c];
    grad[c] = std::exp(log_p[c]) - target;
  }
  return loss;
}

}  // namespace seqpe::reference

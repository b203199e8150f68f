// Layer normalisation and its gradients as they are defined, one row at a time.
#pragma once

#include <cmath>

#include "tests/support/kernel_test.h"

namespace seqpe::reference {

struct LayerNormRow {
  double mean = 0, rstd = 0;
  test::Doubles normalised;

  LayerNormRow(const test::Doubles& x, double eps) {
    const auto cols = static_cast<double>(x.size());
    double variance = 0;
    for (const double value : x) mean += value / cols;
    for (const double value : x) variance += (value - mean) * (value - mean) / cols;
    rstd = 1 / std::sqrt(variance + eps);
    for (const double value : x) normalised.push_back((value - mean) * rstd);
  }

  /// sum over j of g[j] * d normalised[j] / d x[i], by the Jacobian.
  double gradient(const test::Doubles& g, std::size_t i) const {
    const auto cols = static_cast<double>(g.size());
    double sum = 0;
    for (std::size_t j = 0; j < g.size(); ++j) {
      const double same = i == j ? 1.0 : 0.0;
      sum += g[j] * rstd * (same - 1 / cols - normalised[i] * normalised[j] / cols);
    }
    return sum;
  }
};

}  // namespace seqpe::reference

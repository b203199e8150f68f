// The definitions of kernels/scalar.h, one text for the host and the device.
#pragma once

#include <cmath>

#include "kernels/common/host_device.h"
#include "kernels/scalar.h"

namespace seqpe::kernels {

SEQPE_HOST_DEVICE static inline void write_weighted_sum(const WeightedSumArgs& args) {
  double sum = args.write == Write::accumulate ? *args.out : 0.0;
  for (int i = 0; i < args.count; ++i) {
    const double factor = args.factors[i] != nullptr ? *args.factors[i] : 1.0;
    sum += args.weights[i] * factor * *args.terms[i];
  }
  *args.out = sum;
}

SEQPE_HOST_DEVICE static inline void write_clip_factors(const ClipFactorsArgs& args) {
  bool finite = std::isfinite(*args.loss) && !std::isnan(args.factors[0]);
  for (int g = 0; g < args.groups; ++g) {
    args.norms[g] = std::sqrt(args.squares[g]);
    finite = finite && std::isfinite(args.norms[g]);
  }
  for (int g = 0; g < args.groups; ++g) {
    const double limit = args.limits[g], share = limit / (args.norms[g] + 1e-6);
    args.factors[g] = !finite ? static_cast<double>(NAN) : (limit > 0 && share < 1 ? share : 1.0);
  }
}

}  // namespace seqpe::kernels

// Arithmetic on single float64 numbers where they lie: losses, their gradients, gradient norms. The
// host need not wait for a device to know them.
#pragma once

#include <cstdint>

#include "kernels/common/context.h"

namespace seqpe::kernels {

/// *out (=|+=) sum of weights[i] * *factors[i] * *terms[i] over i < count. out may be one of the
/// terms.
struct WeightedSumArgs {
  static constexpr int kMostTerms = 8;
  double* out = nullptr;
  Write write = Write::overwrite;
  int count = 0;
  const double* terms[kMostTerms] = {};
  double weights[kMostTerms] = {};
  const double* factors[kMostTerms] = {};  // null: 1
};

/// Clipping by the norm of each group of gradients:
///   norms[g] = sqrt(squares[g]),  factors[g] = min(1, limits[g] / (norms[g] + 1e-6))
/// If the loss or a norm is not finite, or was so in an earlier call (factors[0] is NaN), every
/// factor is NaN: nothing may be updated any more.
struct ClipFactorsArgs {
  static constexpr int kMostGroups = 8;
  int groups = 0;
  const double* loss = nullptr;
  const double* squares = nullptr;  // [groups], sums of squares of the gradients
  double* norms = nullptr;          // [groups]
  double* factors = nullptr;        // [groups], those of the call before; 1 at first
  double limits[kMostGroups] = {};  // 0: any norm
};

void weighted_sum(const Context& context, const WeightedSumArgs& args);
void clip_factors(const Context& context, const ClipFactorsArgs& args);

namespace cpu {
void weighted_sum(const WeightedSumArgs& args);
void clip_factors(const ClipFactorsArgs& args);
}  // namespace cpu

namespace cuda {
void weighted_sum(const Context& context, const WeightedSumArgs& args);
void clip_factors(const Context& context, const ClipFactorsArgs& args);
}  // namespace cuda

}  // namespace seqpe::kernels

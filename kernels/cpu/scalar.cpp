#include "kernels/common/scalar_arithmetic.h"

namespace seqpe::kernels::cpu {

void weighted_sum(const WeightedSumArgs& args) {
  write_weighted_sum(args);
}

void clip_factors(const ClipFactorsArgs& args) {
  write_clip_factors(args);
}

}  // namespace seqpe::kernels::cpu

// Sums and maxima over the 32 lanes of a warp: every lane gets the result, always in the same order
// of additions.
#pragma once

#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

template <typename A>
__device__ __forceinline__ A warp_sum(A value) {
  for (int lanes = 16; lanes > 0; lanes /= 2)
    value += __shfl_xor_sync(simt::kAllLanes, value, lanes);
  return value;
}

__device__ __forceinline__ float warp_max(float value) {
  for (int lanes = 16; lanes > 0; lanes /= 2)
    value = fmaxf(value, __shfl_xor_sync(simt::kAllLanes, value, lanes));
  return value;
}

}  // namespace seqpe::kernels::cuda

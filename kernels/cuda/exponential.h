// e^x by the hardware's 2^x: three instructions instead of expf's seven.
#pragma once

#include "kernels/simt/ptx.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

constexpr float kLog2E = 1.4426950408889634f;

/// Relative error: 2^-22 of the instruction, and |x| 2^-24 of the product. For x <= 0, where the
/// second is large the result is not.
__device__ __forceinline__ float exponential(float x) {
  return simt::exp2_approximate(x * kLog2E);
}

}  // namespace seqpe::kernels::cuda

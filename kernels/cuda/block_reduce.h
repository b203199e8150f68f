// Sums and softmax statistics over the threads of a block, of which there are whole warps: every
// thread gets the result, always in the same order of additions.
#pragma once

#include "kernels/cuda/warp_reduce.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

constexpr int kMostWarps = 32;  // of a block

/// The sum over the block. Every thread must call it; it begins with a barrier, so that `sums` may
/// be used again at once.
template <typename A>
__device__ __forceinline__ A block_sum(A value, A (&sums)[kMostWarps]) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  value = warp_sum(value);
  __syncthreads();
  if (lane == 0) sums[warp] = value;
  __syncthreads();
  value = lane < static_cast<int>(blockDim.x) / 32 ? sums[lane] : A(0);
  return warp_sum(value);
}

/// The maximum over the block, NaN ignored; -inf of nothing.
__device__ __forceinline__ float block_max(float value, float (&maxima)[kMostWarps]) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  value = warp_max(value);
  __syncthreads();
  if (lane == 0) maxima[warp] = value;
  __syncthreads();
  value = lane < static_cast<int>(blockDim.x) / 32 ? maxima[lane] : -INFINITY;
  return warp_max(value);
}

}  // namespace seqpe::kernels::cuda

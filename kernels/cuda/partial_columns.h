// The second half of a sum over rows: partial sums of blocks of rows, added up column by column,
// always in the same order. A block takes 32 columns, a warp every kPartialWarps-th partial sum,
// and the first warp adds up the warps: few columns, but enough loads on their way.
#pragma once

#include <cstdint>

#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

constexpr int kPartialWarps = 16;

using PartialColumns = float[kPartialWarps][32];

/// The sum of column[0], column[stride], ... of `count` partial sums, in the first warp's lanes;
/// null: a lane without a column. Every thread of the block must call.
__device__ __forceinline__ float sum_partial_column(const float* column, int count,
                                                    std::int64_t stride, PartialColumns& sums) {
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  float sum = 0.0f;
  if (column != nullptr) {
#pragma unroll 4
    for (int b = warp; b < count; b += kPartialWarps) sum += column[b * stride];
  }
  sums[warp][lane] = sum;
  __syncthreads();
  if (warp != 0) return 0.0f;
  float total = 0.0f;
#pragma unroll
  for (int w = 0; w < kPartialWarps; ++w) total += sums[w][lane];
  return total;
}

}  // namespace seqpe::kernels::cuda

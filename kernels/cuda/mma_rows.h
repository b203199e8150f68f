// From the fragments of a product's result to rows in memory, 16 bytes at a time. Lane 4 g + p
// holds elements 2 p and 2 p + 1 of row g (and g + 8) of each 8 columns; four lanes exchange theirs
// until each has 8 neighbouring ones.
#pragma once

#include <cstdint>

#include "kernels/cuda/packs.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

/// The pairs of four neighbouring lanes: x[i] of lane p becomes x[p] of lane i.
__device__ __forceinline__ void transpose_pairs(float (&x)[4][2]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int bit = 1; bit <= 2; bit *= 2) {
    const bool upper = (lane & bit) != 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if ((i & bit) != 0) continue;
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        float &low = x[i][e], &high = x[i | bit][e];
        const float other = __shfl_xor_sync(simt::kAllLanes, upper ? low : high, bit);
        low = upper ? other : low;
        high = upper ? high : other;
      }
    }
  }
}

/// row[0, 8 kN) (=|+=) factor * the thread's row of the fragments, its second if `second`; nothing
/// where the row does not exist, but every lane must call.
template <typename T, int kN>
__device__ __forceinline__ void write_fragment_row(T* row, const float (&sums)[kN][4], bool second,
                                                   float factor, Write write, bool exists) {
  const int place = static_cast<int>(threadIdx.x) % 4;
  constexpr int kSize = simt::kPackSize<T>;
#pragma unroll
  for (int n = 0; n < kN; n += 4) {
    float x[4][2];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      x[i][0] = factor * (second ? sums[n + i][2] : sums[n + i][0]);
      x[i][1] = factor * (second ? sums[n + i][3] : sums[n + i][1]);
    }
    transpose_pairs(x);
    if (!exists) continue;
#pragma unroll
    for (int begin = 0; begin < 8; begin += kSize) {
      float values[kSize];
#pragma unroll
      for (int i = 0; i < kSize; ++i) values[i] = x[(begin + i) / 2][i % 2];
      write_floats(row + 8 * (n + place) + begin, values, write);
    }
  }
}

}  // namespace seqpe::kernels::cuda

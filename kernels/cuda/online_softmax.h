// Maximum and sum of e^(x - maximum) of a row in one reading (Milakov and Gimelshein, 2018), f32. A
// row of -inf alone, or one with NaN or +inf, ends as in two passes: with NaN.
#pragma once

#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/exponential.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

struct OnlineSoftmax {
  float maximum = -INFINITY, sum = 0.0f;

  /// Nothing but -inf until now: e^(-inf - 0) = 0 adds nothing, e^(-inf - -inf) would be NaN.
  __device__ __forceinline__ float base() const { return maximum == -INFINITY ? 0.0f : maximum; }

  template <int N>
  __device__ __forceinline__ void add(const float (&x)[N]) {
    float largest = maximum;
#pragma unroll
    for (int i = 0; i < N; ++i) largest = fmaxf(largest, x[i]);
    if (largest > maximum) {
      sum *= exponential(maximum - largest);
      maximum = largest;
    }
    const float shift = base();
#pragma unroll
    for (int i = 0; i < N; ++i) sum += exponential(x[i] - shift);
  }
};

/// The row's, from its threads' parts; every thread of the block must call it.
__device__ __forceinline__ OnlineSoftmax over_block(const OnlineSoftmax& part,
                                                    float (&scratch)[kMostWarps]) {
  OnlineSoftmax row;
  row.maximum = block_max(part.maximum, scratch);
  row.sum = block_sum(part.sum * exponential(part.maximum - row.maximum), scratch);
  return row;
}

}  // namespace seqpe::kernels::cuda

// Our own loops for a matrix product: any dtype, any sizes. f32 of many rows, for which they are
// faster than oneDNN, f64 for checks, small products, bf16 where the GEMM library has none, and
// everything where no library was found.
#pragma once

#include "kernels/matmul.h"

namespace seqpe::kernels {

SEQPE_KERNEL_DECLARE_CPU(gemm_packed, MatmulArgs)

/// A product too small for threads to share: where there are many they share the batch.
static inline bool is_small(const MatmulArgs& args) {
  return args.m * args.n * args.k <= std::int64_t{64} * 64 * 64;
}

}  // namespace seqpe::kernels

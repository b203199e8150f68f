// Our own loops for a matrix product: any dtype, any sizes. f64 for checks, small batched products,
// and everything where no GEMM library was found.
#pragma once

#include "kernels/matmul.h"

namespace seqpe::kernels {

SEQPE_KERNEL_DECLARE_CPU(gemm_packed, MatmulArgs)

/// Products so small that threads had better share the batch, each product one thread's.
static inline bool is_batch_of_small(const MatmulArgs& args) {
  return args.batch > 1 && args.m * args.n * args.k <= std::int64_t{64} * 64 * 64;
}

}  // namespace seqpe::kernels

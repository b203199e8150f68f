// Our own loops for a matrix product: any dtype, any sizes. f64 for checks, small batched products,
// and everything where no GEMM library was found.
#pragma once

#include "kernels/matmul.h"

namespace seqpe::kernels {
SEQPE_KERNEL_DECLARE_CPU(gemm_packed, MatmulArgs)
}

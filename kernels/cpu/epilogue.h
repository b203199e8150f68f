// What follows a matrix product: bias, and GELU.
#pragma once

#include "kernels/matmul.h"

namespace seqpe::kernels {
/// Works in place on args.out.
SEQPE_KERNEL_DECLARE_CPU(matmul_epilogue, MatmulArgs)
}  // namespace seqpe::kernels

// What follows a matrix product on rows that are still in the cache: bias, and GELU.
#pragma once

#include "kernels/matmul.h"

namespace seqpe::kernels {
/// Works in place on args.out, item 0, with args.m rows.
SEQPE_KERNEL_DECLARE_CPU(matmul_epilogue, MatmulArgs)
}  // namespace seqpe::kernels

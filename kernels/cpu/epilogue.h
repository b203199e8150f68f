// What follows a matrix product: bias, and GELU. Our own loops apply it to each piece of the output
// that a thread has just computed and still has in its cache, a library's product is walked anew.
#pragma once

#include "kernels/matmul.h"

namespace seqpe::kernels {
/// Works in place on args.out; nothing for Epilogue::none.
SEQPE_KERNEL_DECLARE_CPU(matmul_epilogue, MatmulArgs)
}  // namespace seqpe::kernels

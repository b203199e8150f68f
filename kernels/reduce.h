// Sums. The order of every sum is fixed by the sizes alone.
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"

namespace seqpe::kernels {

/// out[c] (=|+=) sum over rows of x[row, c]; the gradient of a bias.
struct ColumnSumArgs {
  DType dtype = DType::f32;
  void* out = nullptr;    // [cols]
  bool wide_out = false;  // out is Acc<T>: f32 where x is bf16
  Write write = Write::overwrite;
  const void* x = nullptr;  // [rows, cols]
  std::int64_t rows = 0;
  std::int64_t cols = 0;
};

/// *out = sum of x[i] or of x[i]^2, in float64 whatever the dtype.
struct SumArgs {
  DType dtype = DType::f32;
  double* out = nullptr;
  const void* x = nullptr;
  std::int64_t count = 0;
};

SEQPE_KERNEL_DECLARE(column_sum, ColumnSumArgs)
SEQPE_KERNEL_DECLARE(sum, SumArgs)
SEQPE_KERNEL_DECLARE(sum_of_squares, SumArgs)

}  // namespace seqpe::kernels

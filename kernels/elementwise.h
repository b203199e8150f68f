// Elementwise sums and products, also with a second operand that repeats along the leading
// dimension.
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"

namespace seqpe::kernels {

/// out (=|+=) alpha * *factor * a + b; b null: without it. out may be a or b.
struct AddArgs {
  DType dtype = DType::f32;
  void* out = nullptr;
  const void* a = nullptr;
  const void* b = nullptr;
  double alpha = 1.0;
  const double* factor = nullptr;  // on the device; null: 1
  std::int64_t count = 0;
  Write write = Write::overwrite;
};

/// out (=|+=) a * b
struct MultiplyArgs {
  DType dtype = DType::f32;
  void* out = nullptr;
  const void* a = nullptr;
  const void* b = nullptr;
  std::int64_t count = 0;
  Write write = Write::overwrite;
};

/// x[r, i] + y[(first_row + r) mod blocks, i]
struct AddRowsArgs {
  DType dtype = DType::f32;
  void* out = nullptr;      // [rows, inner]
  const void* x = nullptr;  // [rows, inner]
  const void* y = nullptr;  // [blocks, inner]
  std::int64_t rows = 0, blocks = 1, inner = 0, first_row = 0;
};

/// grad_y[n, i] (=|+=) sum of grad_out[r, i] over the rows r that used block n
struct AddRowsBackwardArgs {
  DType dtype = DType::f32;
  void* grad_y = nullptr;          // [blocks, inner]
  const void* grad_out = nullptr;  // [rows, inner]
  std::int64_t rows = 0, blocks = 1, inner = 0, first_row = 0;
  Write write = Write::overwrite;
};

SEQPE_KERNEL_DECLARE(add, AddArgs)
SEQPE_KERNEL_DECLARE(multiply, MultiplyArgs)
SEQPE_KERNEL_DECLARE(add_rows, AddRowsArgs)
SEQPE_KERNEL_DECLARE(add_rows_backward, AddRowsBackwardArgs)

}  // namespace seqpe::kernels

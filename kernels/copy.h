// Copies: runs of elements between matrices of different row strides (slices, concatenation, one
// token of each sequence), elements of one dtype into another, one value into all.
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"

namespace seqpe::kernels {

/// out[r * out_stride + c] (=|+=) x[r * x_stride + c].
struct CopyRowsArgs {
  DType dtype = DType::f32;
  void* out = nullptr;
  const void* x = nullptr;
  std::int64_t rows = 0, cols = 0;
  std::int64_t out_stride = 0, x_stride = 0;
  Write write = Write::overwrite;
};

/// out[i] (=|+=) x[i], rounded to nearest even.
struct ConvertArgs {
  DType from = DType::f32, to = DType::f32;
  void* out = nullptr;
  const void* x = nullptr;
  std::int64_t count = 0;
  Write write = Write::overwrite;
};

/// out[i] = value
struct FillArgs {
  DType dtype = DType::f32;
  void* out = nullptr;
  std::int64_t count = 0;
  double value = 0.0;
};

SEQPE_KERNEL_DECLARE(copy_rows, CopyRowsArgs)
SEQPE_KERNEL_DECLARE(convert, ConvertArgs)
SEQPE_KERNEL_DECLARE(fill, FillArgs)

}  // namespace seqpe::kernels

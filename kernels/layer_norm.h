// Layer normalisation over the last dimension (Ba et al., 2016).
//   y = (x - mean) * rstd * weight + bias,  rstd = 1 / sqrt(variance + eps), variance biased
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"

namespace seqpe::kernels {

struct LayerNormForwardArgs {
  DType dtype = DType::f32;
  void* out = nullptr;           // [rows, cols]
  void* mean = nullptr;          // [rows], Acc<T>; saved for backward
  void* rstd = nullptr;          // [rows], Acc<T>; saved for backward
  const void* x = nullptr;       // [rows, cols]
  const void* weight = nullptr;  // [cols]
  const void* bias = nullptr;    // [cols]
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  double eps = 1e-5;
};

/// Any of the three gradients may be null: it is not computed then.
struct LayerNormBackwardArgs {
  DType dtype = DType::f32;
  void* grad_x = nullptr;       // [rows, cols]
  void* grad_weight = nullptr;  // [cols]
  void* grad_bias = nullptr;    // [cols]
  Write write_x = Write::overwrite;
  Write write_weight = Write::overwrite;
  Write write_bias = Write::overwrite;
  const void* grad_out = nullptr;  // [rows, cols]
  const void* x = nullptr;         // [rows, cols]
  const void* weight = nullptr;    // [cols]
  const void* mean = nullptr;      // [rows], Acc<T>
  const void* rstd = nullptr;      // [rows], Acc<T>
  std::int64_t rows = 0;
  std::int64_t cols = 0;
};

SEQPE_KERNEL_DECLARE(layer_norm_forward, LayerNormForwardArgs)
SEQPE_KERNEL_DECLARE(layer_norm_backward, LayerNormBackwardArgs)

}  // namespace seqpe::kernels

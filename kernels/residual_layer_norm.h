// A residual connection and the layer norm behind it, in one pass over memory (pre-norm
// Transformers: the branch's output joins the stream, the next branch reads the stream normalised).
//   sum = residual + dropout(branch),  out = layer_norm(sum)
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"
#include "kernels/dropout.h"

namespace seqpe::kernels {

struct ResidualLayerNormForwardArgs {
  DType dtype = DType::f32;
  void* sum = nullptr;             // [rows, cols]
  void* out = nullptr;             // [rows, cols]
  void* mean = nullptr;            // [rows], Acc<T>; saved for backward
  void* rstd = nullptr;            // [rows], Acc<T>; saved for backward
  const void* residual = nullptr;  // [rows, cols]
  const void* branch = nullptr;    // [rows, cols]
  const void* weight = nullptr;    // [cols]
  const void* bias = nullptr;      // [cols]
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  double eps = 1e-5;
  DropoutDraw dropout;  // of branch
};

/// grad_residual = grad_sum + the gradient through the layer norm; grad_branch is the same through
/// the dropout. Any gradient may be null: it is not computed then.
struct ResidualLayerNormBackwardArgs {
  DType dtype = DType::f32;
  void* grad_residual = nullptr;  // [rows, cols]
  void* grad_branch = nullptr;    // [rows, cols]
  void* grad_weight = nullptr;    // [cols]
  void* grad_bias = nullptr;      // [cols]
  Write write_residual = Write::overwrite;
  Write write_branch = Write::overwrite;
  Write write_weight = Write::overwrite;
  Write write_bias = Write::overwrite;
  const void* grad_sum = nullptr;  // [rows, cols]; null: zero
  const void* grad_out = nullptr;  // [rows, cols]
  const void* sum = nullptr;       // [rows, cols]
  const void* weight = nullptr;    // [cols]
  const void* mean = nullptr;      // [rows], Acc<T>
  const void* rstd = nullptr;      // [rows], Acc<T>
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  DropoutDraw dropout;  // of branch
};

SEQPE_KERNEL_DECLARE(residual_layer_norm_forward, ResidualLayerNormForwardArgs)
SEQPE_KERNEL_DECLARE(residual_layer_norm_backward, ResidualLayerNormBackwardArgs)

}  // namespace seqpe::kernels

// Softmax and log-softmax over the last dimension.
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"

namespace seqpe::kernels {

struct SoftmaxForwardArgs {
  DType dtype = DType::f32;
  void* out = nullptr;      // [rows, cols]
  const void* x = nullptr;  // [rows, cols]
  std::int64_t rows = 0, cols = 0;
  bool log = false;
};

/// softmax: grad_x = p * (g - sum(g p)); log-softmax: grad_x = g - p * sum(g), p from the forward's
/// output.
struct SoftmaxBackwardArgs {
  DType dtype = DType::f32;
  void* grad_x = nullptr;
  Write write = Write::overwrite;
  const void* grad_out = nullptr;
  const void* out = nullptr;  // the forward's output
  std::int64_t rows = 0, cols = 0;
  bool log = false;
};

SEQPE_KERNEL_DECLARE(softmax_forward, SoftmaxForwardArgs)
SEQPE_KERNEL_DECLARE(softmax_backward, SoftmaxBackwardArgs)

}  // namespace seqpe::kernels

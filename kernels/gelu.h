// GELU by itself (kernels/matmul.h fuses it behind a product) and its backward.
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"

namespace seqpe::kernels {

/// tanh: GPT-2's `gelu_new`; erf: the exact form.
enum class GeluForm : std::uint8_t { tanh, erf };

struct GeluForwardArgs {
  DType dtype = DType::f32;
  GeluForm form = GeluForm::tanh;
  void* out = nullptr;
  const void* x = nullptr;
  std::int64_t count = 0;
};

/// grad_x (=|+=) grad_out * gelu'(x). grad_x may be grad_out.
struct GeluBackwardArgs {
  DType dtype = DType::f32;
  GeluForm form = GeluForm::tanh;
  void* grad_x = nullptr;
  Write write = Write::overwrite;
  const void* grad_out = nullptr;
  const void* x = nullptr;
  std::int64_t count = 0;
};

SEQPE_KERNEL_DECLARE(gelu_forward, GeluForwardArgs)
SEQPE_KERNEL_DECLARE(gelu_backward, GeluBackwardArgs)

}  // namespace seqpe::kernels

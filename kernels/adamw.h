// AdamW (Loshchilov and Hutter, 2019), fused over a flat buffer: one pass over value, gradient and
// both moments.
//   value *= 1 - lr * weight_decay
//   m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2,  g = grad_scale * gradient
//   value -= lr / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + eps)
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"

namespace seqpe::kernels {

struct AdamwArgs {
  DType dtype = DType::f32;  // f32 or f64
  void* value = nullptr;
  const void* gradient = nullptr;
  void* m = nullptr;
  void* v = nullptr;
  bf16* rounded = nullptr;  // a copy of value that the model computes with; may be null
  std::int64_t count = 0;
  double learning_rate = 0.0;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0.0;
  std::int64_t step = 1;  // 1 for the first update
  // The clipping factor, on the device. NaN: nothing is updated; null: 1.
  const double* grad_scale = nullptr;
};

SEQPE_KERNEL_DECLARE(adamw, AdamwArgs)

}  // namespace seqpe::kernels

// AdamW (Loshchilov and Hutter, 2019), fused over a flat buffer: one pass over value, gradient and
// both moments.
//   value *= 1 - lr * weight_decay
//   m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2,  g = grad_scale * gradient
//   value -= lr / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + eps)
// What changes from step to step lies in memory: a recorded step (kernels/recording.h) reads it.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"

namespace seqpe::kernels {

/// lr, lr / (1 - beta1^step), 1 / sqrt(1 - beta2^step); step is 1 for the first update.
using AdamwRates = std::array<double, 3>;

inline AdamwRates adamw_rates(double learning_rate, double beta1, double beta2, std::int64_t step) {
  const auto number = static_cast<double>(step);
  return {learning_rate, learning_rate / (1.0 - std::pow(beta1, number)),
          1.0 / std::sqrt(1.0 - std::pow(beta2, number))};
}

struct AdamwArgs {
  DType dtype = DType::f32;  // f32 or f64
  void* value = nullptr;
  const void* gradient = nullptr;
  void* m = nullptr;
  void* v = nullptr;
  bf16* rounded = nullptr;  // a copy of value that the model computes with; may be null
  std::int64_t count = 0;
  const double* rates = nullptr;  // AdamwRates, on the kernel's device
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0.0;
  // The clipping factor, on the device. NaN: nothing is updated; null: 1.
  const double* grad_scale = nullptr;
};

SEQPE_KERNEL_DECLARE(adamw, AdamwArgs)

}  // namespace seqpe::kernels

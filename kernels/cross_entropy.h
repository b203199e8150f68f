// Softmax cross-entropy from logits, with label smoothing e (Szegedy et al., 2016):
//   loss = (1 - e) * (lse - x[label]) + e * (lse - mean(x)),  lse = log(sum(exp(x)))
// Rows whose label is the ignore index have loss and gradient 0.
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"

namespace seqpe::kernels {

inline constexpr std::int64_t kIgnoreIndex = -100;

struct CrossEntropyArgs {
  DType dtype = DType::f32;
  void* losses = nullptr;                // [rows], Acc<T>
  const void* logits = nullptr;          // [rows, cols], rows `stride` apart
  const std::int64_t* labels = nullptr;  // [rows], in [0, cols) or kIgnoreIndex: the caller checks
  std::int64_t rows = 0, cols = 0, stride = 0;
  double label_smoothing = 0.0;
  /// If not null, the gradient of grad_scale * sum(losses) is written here; it may be `logits`
  /// itself.
  void* grad_logits = nullptr;
  double grad_scale = 1.0;
};

SEQPE_KERNEL_DECLARE(cross_entropy, CrossEntropyArgs)

}  // namespace seqpe::kernels

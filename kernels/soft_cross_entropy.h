// Cross-entropy from logits with soft targets, a weight for every class (mixed images, smoothed
// labels):
//   loss = sum of targets[c] * (lse - x[c]),  lse = log(sum(exp(x)))
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"

namespace seqpe::kernels {

struct SoftCrossEntropyArgs {
  DType dtype = DType::f32;
  void* losses = nullptr;          // [rows], Acc<T>
  const void* logits = nullptr;    // [rows, cols]
  const float* targets = nullptr;  // [rows, cols]; a row need not add up to 1
  std::int64_t rows = 0, cols = 0;
  /// If not null, the gradient of grad_scale * sum(losses) is written here.
  void* grad_logits = nullptr;  // [rows, cols]
  double grad_scale = 1.0;
};

SEQPE_KERNEL_DECLARE(soft_cross_entropy, SoftCrossEntropyArgs)

}  // namespace seqpe::kernels

#pragma once

#include <cstdint>

#include "engine/core/tensor.h"
#include "engine/ops/linear.h"
#include "kernels/cross_entropy.h"

namespace seqpe::ops {

using kernels::kIgnoreIndex;

/// Sum of the rows' losses divided by `divisor`, and how many labels were counted.
struct CrossEntropy {
  Tensor loss;               // f64, one element
  std::int64_t counted = 0;  // of labels on the CPU
};

/// Softmax cross-entropy of logits [..., V] with labels i64 [...] in [0, V) or kIgnoreIndex.
/// divisor 0: the number of counted labels (the mean). Labels on the CPU are checked, and copied to
/// the device of the logits; those of another device must be right, and the divisor be given. Label
/// smoothing e spreads e over all V classes.
CrossEntropy cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing = 0.0,
                           double divisor = 0.0);

/// Cross-entropy of logits [..., V] with soft targets f32 of the same shape, which say how much of
/// each class is wanted: sum over all of targets * (lse - logits), divided by `divisor`; 0: by the
/// number of rows (the mean).
Tensor soft_cross_entropy(const Tensor& logits, const Tensor& targets, double divisor = 0.0);

/// cross_entropy(x W^T, labels) for x [..., C] and W [V, C], in chunks of rows whose logits and
/// their gradient live in one buffer: the logits of all rows (2 GB for 10,000 tokens of GPT-2)
/// never exist. The gradients of x and W are computed in the forward pass, where the logits are.
CrossEntropy linear_cross_entropy(const Tensor& x, const Tensor& weight, const Tensor& labels,
                                  double divisor = 0.0);

/// Rows of a chunk of linear_cross_entropy.
std::int64_t rows_of_logits_at_once(std::int64_t rows, std::int64_t classes, Device device);

}  // namespace seqpe::ops

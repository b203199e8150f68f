#pragma once

#include "engine/core/tensor.h"

namespace seqpe::ops {

/// Layer normalisation over the last dimension: (x - mean) / sqrt(variance + eps) * weight + bias,
/// variance biased. x [..., C], weight [C], bias [C] -> [..., C]. Ba et al., "Layer normalization",
/// 2016.
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps = 1e-5);

}  // namespace seqpe::ops

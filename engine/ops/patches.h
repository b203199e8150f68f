#pragma once

#include "engine/core/tensor.h"

namespace seqpe::ops {

/// Images as sequences of square patches: images f32 [B, channels, height, width] -> [B, N,
/// channels * patch * patch] of `dtype`, N = height / patch * width / patch patches row by row,
/// each with its channels one after the other, as a convolution's weight [out, channels, patch,
/// patch] lies. Images take no gradient.
Tensor patches(const Tensor& images, std::int64_t patch, DType dtype);

}  // namespace seqpe::ops

#pragma once

#include "engine/core/tensor.h"

namespace seqpe::ops {

/// Scaled dot products a head: out[b, h, m, n] = factor * a[b, m, slice h] . c[b, n, slice h].
/// a [B, M, H * D], c [B, N, H * D] -> [B, H, M, N].
Tensor head_scores(const Tensor& a, const Tensor& c, std::int64_t heads, double factor);

}  // namespace seqpe::ops

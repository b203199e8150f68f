#pragma once

#include "engine/core/tensor.h"
#include "kernels/residual_layer_norm.h"

namespace seqpe::ops {

using kernels::DropoutDraw;

struct ResidualLayerNorm {
  Tensor sum;   // residual + dropout(branch)
  Tensor norm;  // layer_norm(sum)
};

/// A branch joins the residual stream, and the stream is normalised for the next one, in one pass
/// over memory. residual, branch [..., C], weight [C], bias [C] -> two tensors [..., C]. Equals
/// residual_dropout (or add) and layer_norm one after the other, up to fused multiply-adds.
ResidualLayerNorm residual_layer_norm(const Tensor& residual, const Tensor& branch,
                                      const Tensor& weight, const Tensor& bias, double eps = 1e-5,
                                      const DropoutDraw& dropout = {});

}  // namespace seqpe::ops

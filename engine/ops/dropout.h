#pragma once

#include "engine/core/tensor.h"
#include "kernels/dropout.h"

namespace seqpe::ops {

using kernels::DropoutDraw;

/// x * keep / (1 - probability) (Srivastava et al., 2014). Element i is number first_element + i of
/// the key's stream, or as the runs of the draw say.
Tensor dropout(const Tensor& x, const DropoutDraw& draw);

/// residual + dropout(x), tensors of one shape, in one pass over memory.
Tensor residual_dropout(const Tensor& residual, const Tensor& x, const DropoutDraw& draw);

}  // namespace seqpe::ops

#pragma once

#include "engine/core/tensor.h"
#include "kernels/divergence.h"

namespace seqpe::ops {

using kernels::DivergenceKind;

/// The mean over all elements of kl_div, exp(t) * (t - s), or mse, (t - s)^2, of two tensors of
/// log-probabilities.
/// -> one f64 number.
Tensor divergence(const Tensor& target, const Tensor& student, DivergenceKind kind);

}  // namespace seqpe::ops

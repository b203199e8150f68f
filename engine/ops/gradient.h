// How a node adds a tensor into the gradient of one of its inputs.
#pragma once

#include "engine/autograd/node.h"

namespace seqpe::ops {

/// target (=|+=) factor * source, tensors of equal count; nothing if the gradient is not wanted.
/// The second factor is one f64 number on the source's device.
void write_gradient(const autograd::GradTarget& target, const Tensor& source, double factor = 1.0);
void write_gradient(const autograd::GradTarget& target, const Tensor& source, const Tensor& factor);

}  // namespace seqpe::ops

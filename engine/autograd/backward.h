// Backward through the tape.
#pragma once

#include "engine/core/tensor.h"

namespace seqpe::autograd {

/// Adds the gradients of the scalar `loss` to every leaf that it depends on. The graph is freed on
/// the way: memory saved by an op is gone as soon as its gradients are computed, and a second call
/// on the same graph is refused.
void backward(const Tensor& loss);

/// The same from a tensor of any shape whose gradient is known: the position encoder runs once a
/// step, its output is a leaf for every micro-batch, and their summed gradient goes on from there.
void backward(const Tensor& output, const Tensor& grad_output);

}  // namespace seqpe::autograd

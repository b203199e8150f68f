// Backward through the tape.
#pragma once

#include <vector>

#include "engine/core/tensor.h"

namespace seqpe::autograd {

/// Adds the gradients of the scalar `loss` to every leaf that it depends on. The graph is freed on
/// the way: memory saved by an op is gone as soon as its gradients are computed, and a second call
/// on the same graph, or on one that shares a part with it, is refused.
void backward(const Tensor& loss);

/// A tensor of any shape and its gradient, to start from.
struct Root {
  Tensor output;
  Tensor grad_output;
};

/// The same from several tensors at once, in one walk: the position encoder runs once a step, its
/// output is a leaf for every micro-batch, and their summed gradient goes on from there together
/// with the losses on the embeddings. A root may come before another one, or twice: its gradients
/// add up, in memory of the walk's own.
void backward(const std::vector<Root>& roots);
void backward(const Tensor& output, const Tensor& grad_output);

}  // namespace seqpe::autograd

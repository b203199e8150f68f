// The place for a tensor's gradient, which all its handles and views share.
#pragma once

#include <memory>

#include "engine/core/tensor.h"

namespace seqpe::autograd {

class Node;

/// In mixed precision a parameter's gradient has a wider dtype than the parameter, and `master` its
/// unrounded value, which the optimiser updates.
struct Variable {
  Shape shape;
  DType dtype = DType::f32;
  Device device = Device::cpu;
  std::shared_ptr<Node> producer;  // null for a leaf
  bool freed = false;              // backward has run through the producer
  Tensor grad;                     // its memory; a leaf's may be a slice of a flat buffer
  bool grad_written = false;       // false: the next write overwrites whatever `grad` holds
  Tensor master;                   // undefined: the value itself
};

}  // namespace seqpe::autograd

// The place for a tensor's gradient, which all its handles and views share.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/core/tensor.h"

namespace seqpe::autograd {

class Node;

/// Of a leaf.
class GradientWatcher {
 public:
  virtual ~GradientWatcher() = default;
  /// Backward has walked through every recorded use of the leaf: nothing more is added to its
  /// gradient, unless it is used anew.
  virtual void gradient_is_complete() = 0;
};

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
  GradientWatcher* watcher = nullptr;
  std::int64_t open_uses = 0;  // of a watched leaf: recorded, not yet walked through
};

}  // namespace seqpe::autograd

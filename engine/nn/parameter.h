#pragma once

#include <string>

#include "engine/core/tensor.h"

namespace seqpe::nn {

/// A trainable tensor with its full name, and how the optimiser treats it.
struct Parameter {
  std::string name;
  Tensor value;
  std::string group;    // parameter group: its own learning rate, weight decay and clipping
  bool decay = true;    // false: exempt from weight decay
  bool rounded = true;  // false: in mixed precision, too, the model computes with the value itself

  /// What is trained and saved: in mixed precision the unrounded value, else the value itself.
  Tensor master() const;
};

}  // namespace seqpe::nn

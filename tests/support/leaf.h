// Where the gradients of a small graph end.
#pragma once

#include <vector>

#include "engine/core/tensor.h"

namespace seqpe::test {

/// [values.size()] in float64, wanting a gradient.
inline Tensor leaf(const std::vector<double>& values) {
  return Tensor::from({static_cast<std::int64_t>(values.size())}, values).set_requires_grad();
}

}  // namespace seqpe::test

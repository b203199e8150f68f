// Tensors with reproducible random elements, for tests.
#pragma once

#include <cstdint>

#include "engine/core/tensor.h"
#include "kernels/common/philox.h"

namespace seqpe::test {

/// Uniform in [low, high); the same numbers for the same seed, whatever the dtype (up to its
/// rounding).
inline Tensor random_tensor(const Shape& shape, std::uint64_t seed, DType dtype = DType::f64,
                            double low = -1.0, double high = 1.0) {
  Tensor values = Tensor::empty(shape, DType::f64);
  const auto elements = values.span<double>();
  for (std::size_t i = 0; i < elements.size(); ++i) {
    elements[i] =
        low + (high - low) * philox_word({.seed = seed, .stream = 7, .step = 0}, i) / 4294967296.0;
  }
  return values.to(dtype);
}

}  // namespace seqpe::test

#pragma once

#include "engine/core/tensor.h"

namespace seqpe::ops {

/// a + b, tensors of one shape.
Tensor add(const Tensor& a, const Tensor& b);

/// a * b element by element, tensors of one shape.
Tensor multiply(const Tensor& a, const Tensor& b);

/// factor * x
Tensor scale(const Tensor& x, double factor);

/// x in another floating dtype, rounded to nearest even; its gradient in that of x.
Tensor convert(const Tensor& x, DType dtype);

/// x [B, ...] + y [blocks, ...]: sequence b takes block (first_row + b) mod blocks.
Tensor add_rows(const Tensor& x, const Tensor& y, std::int64_t first_row = 0);

}  // namespace seqpe::ops

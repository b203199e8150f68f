// Parts of tensors: runs of the leading dimension, one token of every sequence.
#pragma once

#include <vector>

#include "engine/core/tensor.h"

namespace seqpe::ops {

/// Rows [begin, end) of the leading dimension; a view, no elements are copied.
Tensor slice_rows(const Tensor& x, std::int64_t begin, std::int64_t end);

/// Tensors that differ in their leading dimension only, one after the other.
Tensor concat_rows(const std::vector<Tensor>& parts);

/// Token `token` of every sequence: x [B, T, C] -> [B, 1, C].
Tensor take_token(const Tensor& x, std::int64_t token);

/// One token before those of every sequence: token, C elements, and x [B, T, C] -> [B, T + 1, C].
Tensor prepend_token(const Tensor& token, const Tensor& x);

}  // namespace seqpe::ops

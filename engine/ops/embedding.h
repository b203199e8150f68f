#pragma once

#include "engine/core/tensor.h"

namespace seqpe::ops {

/// Rows of a table: table [R, C], indices i64 [...] in [0, R) -> [..., C].
Tensor embedding(const Tensor& table, const Tensor& indices);

}  // namespace seqpe::ops

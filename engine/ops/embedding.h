#pragma once

#include "engine/core/tensor.h"

namespace seqpe::ops {

/// Rows of a table: table [R, C], indices i64 [...] in [0, R) -> [..., C]. Indices on the CPU are
/// checked, and copied to the table's device; those of another device must be right.
Tensor embedding(const Tensor& table, const Tensor& indices);

}  // namespace seqpe::ops

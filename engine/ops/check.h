// What every op checks before it calls a kernel: `[op] name must ..., got ...`.
#pragma once

#include "engine/core/tensor.h"

namespace seqpe::ops {

/// Refuses an undefined tensor and one of an integer dtype.
void check_floating(const char* op, const char* name, const Tensor& tensor);

/// Refuses a tensor of another shape; `why` says where the expected shape comes from.
void check_shape(const char* op, const char* name, const Tensor& tensor, const Shape& expected,
                 const char* why);

/// Refuses a tensor whose dtype or device is not that of `reference`.
void check_same_kind(const char* op, const char* name, const Tensor& tensor,
                     const char* reference_name, const Tensor& reference);

}  // namespace seqpe::ops

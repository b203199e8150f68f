#pragma once

#include "engine/core/tensor.h"

namespace seqpe::ops {

/// softmax over the last dimension
Tensor softmax(const Tensor& x);

/// log(softmax) over the last dimension, without overflow
Tensor log_softmax(const Tensor& x);

}  // namespace seqpe::ops

#pragma once

#include <cstdint>

#include "engine/core/tensor.h"
#include "kernels/common/philox.h"

namespace seqpe::ops {

/// Where the elements of a part lie in the numbering of the whole: runs of `length` elements, their
/// beginnings `stride` apart. The default is one run.
struct DropoutRuns {
  std::int64_t length = 0, stride = 0;
};

/// x * keep / (1 - probability). Element i is number first_element + i of the key's stream
/// (Srivastava et al., 2014).
Tensor dropout(const Tensor& x, double probability, const PhiloxKey& key,
               std::uint64_t first_element, const DropoutRuns& runs = {});

/// residual + dropout(x), tensors of one shape, in one pass over memory.
Tensor residual_dropout(const Tensor& residual, const Tensor& x, double probability,
                        const PhiloxKey& key, std::uint64_t first_element,
                        const DropoutRuns& runs = {});

}  // namespace seqpe::ops

// The number of a weight of attention, by which dropout draws for it.
#pragma once

#include <cstdint>

#include "kernels/attention.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

/// Number of the weight (b, h, i, j), as kernels/attention.h counts them.
__device__ __forceinline__ std::int64_t weight_number(const AttentionShape& shape, std::int64_t b,
                                                      std::int64_t h, std::int64_t i,
                                                      std::int64_t j) {
  const std::int64_t queries = shape.queries > 0 ? shape.queries : shape.q_len;
  const std::int64_t head = (shape.first_sequence + b) * shape.heads + h;
  return (head * queries + shape.first_query + i) * shape.kv_len + j;
}

}  // namespace seqpe::kernels::cuda

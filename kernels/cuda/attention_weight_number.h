// Dropout of attention's weights: the mask, and the number by which it draws for a weight.
#pragma once

#include <cstdint>

#include "kernels/attention.h"
#include "kernels/cuda/dropout_mask.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

/// By the numbers of weight_number.
inline DropoutMask weights_mask(const AttentionShape& shape) {
  return DropoutMask(
      {.probability = shape.dropout, .key = shape.dropout_key, .step = shape.dropout_step});
}

/// Number of the weight (b, h, i, j), as kernels/attention.h counts them.
__device__ __forceinline__ std::int64_t weight_number(const AttentionShape& shape, std::int64_t b,
                                                      std::int64_t h, std::int64_t i,
                                                      std::int64_t j) {
  const std::int64_t queries = shape.queries > 0 ? shape.queries : shape.q_len;
  const std::int64_t head = (shape.first_sequence + b) * shape.heads + h;
  return (head * queries + shape.first_query + i) * shape.kv_len + j;
}

}  // namespace seqpe::kernels::cuda

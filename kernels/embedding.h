// Table look-up and its backward.
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"

namespace seqpe::kernels {

/// out[i] = table[indices[i]]. Indices outside [0, rows) are the caller's error: ops::embedding
/// checks them.
struct EmbeddingForwardArgs {
  DType dtype = DType::f32;
  void* out = nullptr;                    // [count, cols]
  const void* table = nullptr;            // [rows, cols]
  const std::int64_t* indices = nullptr;  // [count]
  std::int64_t count = 0, rows = 0, cols = 0;
};

/// grad_table[indices[i]] += grad_out[i], in the order of i; overwrite clears the whole table
/// first.
struct EmbeddingBackwardArgs {
  DType dtype = DType::f32;
  void* grad_table = nullptr;  // [rows, cols]
  Write write = Write::overwrite;
  const void* grad_out = nullptr;         // [count, cols]
  const std::int64_t* indices = nullptr;  // [count]
  std::int64_t count = 0, rows = 0, cols = 0;
};

SEQPE_KERNEL_DECLARE(embedding_forward, EmbeddingForwardArgs)
SEQPE_KERNEL_DECLARE(embedding_backward, EmbeddingBackwardArgs)

}  // namespace seqpe::kernels

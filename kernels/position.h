// A position embedding acts on queries and keys: attn_add, attn_mul (q op= pe_q, k op= pe_k) and
// rotary, which turns pairs of channels. Values stay.
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"

namespace seqpe::kernels {

/// rotate: channels (2j, 2j + 1) of a slice turn by an angle, of which pe holds in columns j and
/// slice / 2 + j the sine and the cosine: (x, y) -> (x cos - y sin, x sin + y cos).
enum class PositionAct : std::uint8_t { add, multiply, rotate };

/// Where the two embeddings of (sequence b, token t, channel c) lie in pe: block (first_sequence +
/// b) mod blocks, column q_column or k_column plus c (c mod slice if one slice is shared by the
/// heads).
struct PositionLayout {
  std::int64_t batch = 0, tokens = 0, channels = 0;
  std::int64_t blocks = 1, width = 0;  // pe [blocks, tokens, width]
  std::int64_t q_column = 0, k_column = 0;
  std::int64_t slice = 0;  // channels, or the head size; even for rotate
  std::int64_t first_sequence = 0;
};

struct PositionForwardArgs {
  DType dtype = DType::f32;
  PositionAct act = PositionAct::add;
  PositionLayout layout;
  void* out = nullptr;        // [batch, tokens, 3 * channels]
  const void* qkv = nullptr;  // [batch, tokens, 3 * channels]
  const void* pe = nullptr;
};

/// Either gradient may be null. The gradient of pe is summed over the batch and, for a shared
/// slice, the heads.
struct PositionBackwardArgs {
  DType dtype = DType::f32;
  PositionAct act = PositionAct::add;
  PositionLayout layout;
  void* grad_qkv = nullptr;
  void* grad_pe = nullptr;
  Write write_qkv = Write::overwrite;
  Write write_pe = Write::overwrite;
  const void* grad_out = nullptr;
  const void* qkv = nullptr;
  const void* pe = nullptr;
};

SEQPE_KERNEL_DECLARE(position_forward, PositionForwardArgs)
SEQPE_KERNEL_DECLARE(position_backward, PositionBackwardArgs)

}  // namespace seqpe::kernels

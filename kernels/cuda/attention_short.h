// Attention over at most 16 queries and keys, as over the digits of a position: one kernel each
// way, in registers, a group of 8 to 32 lanes a (sequence, head).
#pragma once

#include <cstdint>

#include "kernels/attention.h"
#include "kernels/common/context.h"
#include "kernels/common/dtype.h"
#include "kernels/cuda/packs.h"

namespace seqpe::kernels::cuda {

constexpr std::int64_t kShortTokens = 16;

inline bool is_for_short(const AttentionShape& shape) {
  return shape.q_len <= kShortTokens && shape.kv_len <= kShortTokens && shape.pe_size == 0 &&
         shape.value_size == shape.head_size;
}
/// Whether these kernels take the arguments: queries, keys and values of one size, no second pair.
inline bool is_for_short(const AttentionForwardArgs& args) {
  return is_for_short(args.shape) &&
         rows_are_packs(args.dtype, args.shape.head_size, args.out, args.q, args.k, args.v);
}
inline bool is_for_short(const AttentionBackwardArgs& args) {
  return is_for_short(args.shape) &&
         rows_are_packs(args.dtype, args.shape.head_size, args.grad_q, args.grad_k, args.grad_v,
                        args.grad_out, args.q, args.k, args.v);
}

void attention_forward_short(const Context& context, const AttentionForwardArgs& args);
/// Does not read `out`.
void attention_backward_short(const Context& context, const AttentionBackwardArgs& args);

}  // namespace seqpe::kernels::cuda

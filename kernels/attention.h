// Scaled dot-product attention without an N x N matrix in memory: tiles of logits, an online
// softmax forward (Milakov and Gimelshein, 2018), recomputation from the saved log-sum-exp backward
// (FlashAttention, Dao et al., 2022).
//   logits = scale * (q . k + pe_scale * pe_q . pe_k),  out = dropout(softmax(logits)) v
// The second pair is SeqPE's attn_scalar: attention of [q ; pe_scale pe_q] with [k ; pe_k], values
// of their own width.
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/kernel.h"
#include "kernels/common/philox.h"

namespace seqpe::kernels {

/// Columns of q and k, of pe and of v that a cuda device takes; a CPU takes any.
constexpr std::int64_t kLargestCudaHead = 128;

struct AttentionShape {
  std::int64_t batch = 0, heads = 1, q_len = 0, kv_len = 0;
  std::int64_t head_size = 0;   // of q and k
  std::int64_t value_size = 0;  // of v and out
  std::int64_t pe_size = 0;     // of pe_q and pe_k; 0: no second pair
  std::int64_t pe_blocks = 1;   // sequence b uses block (first_sequence + b) mod pe_blocks
  std::int64_t first_sequence = 0;
  bool causal = false;  // query i attends to keys j <= i + (kv_len - q_len)
  double scale = 1.0;
  double pe_scale = 1.0;
  /// On the weights. Weight (b, h, i, j) is element (((first_sequence + b) * heads + h) * queries +
  /// first_query + i) * kv_len + j: query i is number first_query + i of `queries`; 0: of q_len.
  double dropout = 0.0;
  std::int64_t first_query = 0, queries = 0;
  PhiloxKey dropout_key;
  const std::int32_t* dropout_step = nullptr;  // on the kernel's device: read for its step, or null
};

/// [batch, tokens, heads, size] with any strides, counted in elements; the last dimension is
/// contiguous. For pe_q and pe_k the batch stride is that of a block, and a head stride of 0 means
/// one slice for all heads.
struct AttentionOperand {
  const void* data = nullptr;
  std::int64_t batch_stride = 0, token_stride = 0, head_stride = 0;
};

struct AttentionOutput {
  void* data = nullptr;  // null: not wanted
  std::int64_t batch_stride = 0, token_stride = 0, head_stride = 0;
  Write write = Write::overwrite;
};

struct AttentionForwardArgs {
  DType dtype = DType::f32;
  AttentionShape shape;
  AttentionOutput out;
  void* lse = nullptr;  // [batch, heads, q_len], Acc<T>: log-sum-exp of the logits, -inf where no
                        // key is allowed
  AttentionOperand q, k, v, pe_q, pe_k;
  const std::uint8_t* key_mask = nullptr;  // [batch, kv_len], 1 = may be attended to; null = all
};

/// Gradients of pe_q and pe_k are summed over the sequences of a block and over the heads that
/// share a slice.
struct AttentionBackwardArgs {
  DType dtype = DType::f32;
  AttentionShape shape;
  AttentionOutput grad_q, grad_k, grad_v, grad_pe_q, grad_pe_k;
  AttentionOperand grad_out, out;
  const void* lse = nullptr;
  AttentionOperand q, k, v, pe_q, pe_k;
  const std::uint8_t* key_mask = nullptr;
};

SEQPE_KERNEL_DECLARE(attention_forward, AttentionForwardArgs)
SEQPE_KERNEL_DECLARE(attention_backward, AttentionBackwardArgs)

}  // namespace seqpe::kernels

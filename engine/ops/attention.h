#pragma once

#include <cstdint>

#include "engine/core/tensor.h"
#include "kernels/common/philox.h"

namespace seqpe::ops {

struct AttentionOptions {
  std::int64_t heads = 1;
  bool causal = false;    // query i of Q attends to keys j <= i + (T - Q)
  double pe_scale = 1.0;  // lambda of attn_scalar
  double dropout = 0.0;   // on the attention weights
  PhiloxKey dropout_key;
  const std::int32_t* dropout_step = nullptr;  // as DropoutDraw::step
  std::int64_t first_sequence = 0;             // index of sequence 0 in the global batch
  /// For dropout, query 0 is number first_query of `queries`; 0: of as many as there are. Causal
  /// ones are the last.
  std::int64_t first_query = 0, queries = 0;
  Tensor key_mask;  // u8 [B, T], 1 = may be attended to; undefined = all
};

/// A second pair of queries and keys, (pe_q, pe_k), which attn_scalar adds to the logits. Sequence
/// b uses block (first_sequence + b) mod blocks.
struct PositionPair {
  Tensor pe;  // [blocks, T, 2W] if split: the halves are pe_q and pe_k; else [blocks, T, W], both
  bool split = true;
  bool shared_by_heads = false;  // W is one slice that every head uses; else W = heads * slice

  std::int64_t width() const { return split ? pe.dim(2) / 2 : pe.dim(2); }
  std::int64_t slice(std::int64_t heads) const {
    return shared_by_heads ? width() : width() / heads;
  }
};

/// softmax((q.k + pe_scale * pe_q.pe_k) / sqrt(D)) v for every head, D = C / heads. qkv [B, T, 3C]:
/// queries, keys and values side by side -> [B, T, C]. No T x T matrix is stored: backward
/// recomputes the weights from their log-sum-exp.
Tensor attention(const Tensor& qkv, const AttentionOptions& options,
                 const PositionPair& position = {});

/// The same with queries of their own: q [B, Q, C], kv [B, T, 2C] -> [B, Q, C]. Query 0 has the
/// position of token first_query.
Tensor attention(const Tensor& q, const Tensor& kv, const AttentionOptions& options,
                 const PositionPair& position = {});

/// Of qkv the query of one token alone, which attends as in the whole sequence: row `token` of the
/// result, [B, 1, C]. The token is the options' first_query, they must not have one.
Tensor attention_of_token(const Tensor& qkv, std::int64_t token, const AttentionOptions& options,
                          const PositionPair& position = {});

}  // namespace seqpe::ops

// The sequential position encoder (SeqPE, arXiv 2506.13277, section 3): a small Transformer that
// reads a position as the sequence of its digits and answers with one embedding, the CLS token's.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/nn/transformer.h"
#include "models/seqpe/digits.h"
#include "models/seqpe/options.h"

namespace seqpe::models {

class SeqpeEncoder final : public nn::Module {
 public:
  /// out_dim: width of an embedding, which depends on how the model uses it.
  SeqpeEncoder(const SeqpeOptions& options, std::int64_t out_dim, DType dtype);

  /// Positions, `dimensions` integers each, in a row -> [P, out_dim]. `pass.first_row` is 0: rows
  /// of a step's one call are the global list [main | pivots | candidates | transfer].
  Tensor forward(const std::vector<std::int64_t>& positions, const nn::Pass& pass) const;

  /// The same, computing every block for every token: what forward() must equal. For tests and
  /// teaching.
  Tensor forward_plain(const std::vector<std::int64_t>& positions, const nn::Pass& pass) const;

  std::int64_t out_dim() const { return out_dim_; }

 private:
  struct Block final : nn::Module {
    Block(const EncoderOptions& options, DType dtype);
    nn::LayerNorm layernorm_1;
    nn::SelfAttention attn;
    nn::LayerNorm layernorm_2;
    nn::Mlp mlp;
  };
  /// Token indices of every position and the key mask.
  struct Tokens {
    Tensor indices;      // i64 [P, L], into the table
    Tensor cls_indices;  // i64 [P, 1]
    Tensor key_mask;     // u8 [P, L], or undefined
  };
  Tokens tokenize(const std::vector<std::int64_t>& positions) const;
  Tensor token_table() const;
  Tensor read_out(const Tensor& cls) const;

  SeqpeOptions options_;
  std::int64_t digits_;  // S
  std::int64_t out_dim_;
  nn::Embedding digit_embedding_, place_embedding_;
  Tensor dimension_embedding_, cls_embedding_;
  std::vector<std::unique_ptr<Block>> blocks_;
  std::unique_ptr<nn::LayerNorm> layernorm_;
  nn::Linear out_proj_;
};

}  // namespace seqpe::models

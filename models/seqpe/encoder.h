// The sequential position encoder (SeqPE, arXiv 2506.13277, section 3): a small Transformer that
// reads a position as the sequence of its digits and answers with one embedding, the CLS token's.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/nn/transformer_block.h"
#include "models/seqpe/digits.h"
#include "models/seqpe/options.h"

namespace seqpe::models {

/// Positions as the encoder reads them: L = S + 1 tokens each, digits and CLS.
struct PositionTokens {
  Tensor indices;      // i64 [P, L], rows of the encoder's table of tokens
  Tensor cls_indices;  // i64 [P, 1], of an encoder of one block; else undefined
  Tensor key_mask;     // u8 [P, L], or undefined: every token counts
};

class SeqpeEncoder final : public nn::Module {
 public:
  /// out_dim: width of an embedding, which depends on how the model uses it.
  SeqpeEncoder(const SeqpeOptions& options, std::int64_t out_dim, DType dtype);

  /// Positions, `dimensions` integers each, in a row. On the CPU.
  PositionTokens tokenize(const std::vector<std::int64_t>& positions) const;

  /// Tokens on any device -> [P, out_dim]. `pass.first_row` is 0: rows of a step's one call are the
  /// global list [main | pivots | candidates | transfer].
  Tensor forward(const PositionTokens& tokens, const nn::Pass& pass) const;
  Tensor forward(const std::vector<std::int64_t>& positions, const nn::Pass& pass) const {
    return forward(tokenize(positions), pass);
  }

  /// The same, computing every block for every token: what forward() must equal. For tests and
  /// teaching. `streams`, if given, receives the residual stream [P, L, E] before the first block
  /// and behind each.
  Tensor forward_plain(const std::vector<std::int64_t>& positions, const nn::Pass& pass,
                       std::vector<Tensor>* streams = nullptr) const;

  std::int64_t out_dim() const { return out_dim_; }

 private:
  Tensor token_table() const;
  Tensor read_out(const Tensor& cls) const;

  SeqpeOptions options_;
  std::int64_t digits_;  // S
  std::int64_t out_dim_;
  nn::Embedding digit_embedding_, place_embedding_;
  Tensor dimension_embedding_, cls_embedding_;
  Tensor digit_of_row_, place_of_row_, dimension_of_row_;  // i64 [S * base], of the table of tokens
  std::vector<std::unique_ptr<nn::TransformerBlock>> blocks_;
  std::unique_ptr<nn::LayerNorm> layernorm_;
  nn::Linear out_proj_;
};

}  // namespace seqpe::models

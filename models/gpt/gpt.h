// GPT-2 (Radford et al., 2019): a pre-norm causal Transformer with a tied output head, and any
// position encoding.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/nn/transformer_block.h"
#include "engine/ops/cross_entropy.h"
#include "models/positions/position_encoding.h"

namespace seqpe::models {

struct GptDropout {
  double embedding = 0.1;
  double residual = 0.1;
  double attention = 0.1;
};

struct GptOptions {
  std::int64_t layers = 12;
  std::int64_t width = 768;
  std::int64_t heads = 12;
  std::int64_t vocab_size = 50257;
  ops::Activation activation = ops::Activation::gelu_tanh;
  double layer_norm_eps = 1e-5;
  GptDropout dropout;
  DType dtype = DType::f32;
};

class Gpt final : public nn::Module {
 public:
  Gpt(const GptOptions& options, std::unique_ptr<PositionEncoding> position);

  /// The hidden states behind the last layer norm: ids i64 [B, T], pe as position().embed gives it,
  /// key_mask u8 [B, T] (1 = a token, 0 = padding) or undefined -> [B, T, C].
  Tensor forward(const Tensor& ids, const Tensor& pe, const Tensor& key_mask,
                 const nn::Pass& pass) const;

  /// Hidden states [..., C] -> logits [..., V].
  Tensor logits(const Tensor& hidden) const;

  /// Cross-entropy of the next tokens without storing all logits; divisor as
  /// ops::linear_cross_entropy.
  ops::CrossEntropy loss(const Tensor& hidden, const Tensor& labels, double divisor = 0.0) const;

  PositionEncoding& position() { return *position_; }
  const PositionEncoding& position() const { return *position_; }
  const GptOptions& options() const { return options_; }

 private:
  GptOptions options_;
  std::unique_ptr<PositionEncoding> position_;
  nn::Embedding wte_;
  nn::Dropout dropout_;
  std::vector<std::unique_ptr<nn::TransformerBlock>> blocks_;
  nn::LayerNorm ln_f_;
};

}  // namespace seqpe::models

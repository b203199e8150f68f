// How a Transformer learns where its tokens are. An encoding acts in one of three places: at the
// input, on queries and keys, or on the logits; every model calls the same hooks.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/nn/transformer.h"

namespace seqpe::models {

/// What a forward pass of the model needs of the positions, computed once before its layers.
struct PreparedPositions {
  Tensor pe;                 // [blocks, T, W], or undefined
  ops::PositionPair shared;  // the pair that every layer uses, where there is one
};

/// Parameters of an encoding that belong to the model are registered here and carry the names of
/// published checkpoints below the model's `transformer.`.
class PositionEncoding : public nn::Module {
 public:
  /// Embeddings of `length` tokens from each start: [starts, length, W]; undefined if the encoding
  /// has none.
  virtual Tensor embed(const std::vector<std::int64_t>& starts, std::int64_t length,
                       const nn::Pass& pass) const;
  /// True if the embeddings of fewer tokens are the first rows of embed(starts, length).
  virtual bool shorter_is_prefix(std::int64_t length) const;
  /// `dtype`: of the activations.
  virtual PreparedPositions prepare(const Tensor& pe, DType dtype) const;
  /// Token embeddings x [B, T, C] with the positions, if they act at the input.
  virtual Tensor at_input(const Tensor& x, const PreparedPositions& positions,
                          const nn::Pass& pass) const;
  /// Lets the positions act in the attention of a layer.
  virtual void at_attention(std::int64_t layer, const PreparedPositions& positions,
                            const nn::Pass& pass, nn::SelfAttention::Extra& extra) const;
};

/// NoPE: nothing; a causal model can still tell positions apart.
class NoPosition final : public PositionEncoding {};

}  // namespace seqpe::models

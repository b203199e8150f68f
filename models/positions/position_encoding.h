// How a Transformer learns where its tokens are. An encoding acts in one of three places: at the
// input, on queries and keys, or on the logits; every model calls the same hooks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engine/nn/transformer.h"
#include "engine/ops/position.h"
#include "models/positions/interpolation.h"
#include "models/positions/position_grid.h"

namespace seqpe::models {

/// What a forward pass of the model needs of the positions, computed once before its layers.
struct PreparedPositions {
  Tensor pe;                 // [blocks, T, W], or undefined
  ops::PositionPair shared;  // the pair that every layer uses, where there is one
};

/// Parameters of an encoding that belong to the model are registered here and carry the names of
/// published checkpoints. An image's class token stands before its patches: an encoding of one
/// dimension takes it for position 0 and the patches for those behind it; one of two dimensions
/// embeds the patches alone, and `prepare` puts an embedding of its own for the class token before
/// them.
class PositionEncoding : public nn::Module {
 public:
  /// Embeddings of a grid's tokens, [blocks, T, W]; undefined if the encoding has none.
  Tensor embed(const PositionGrid& grid, const nn::Pass& pass) const;
  /// Embeddings of any extent but `trained` are from now on those of `trained`, resized. `with`
  /// must not be none.
  void interpolate_from(Extent trained, Interpolation with);
  /// True if the embeddings of fewer tokens on a line are the first rows of embed(length).
  virtual bool shorter_is_prefix(std::int64_t length) const;
  /// `dtype`: of the activations.
  virtual PreparedPositions prepare(const Tensor& pe, DType dtype) const;
  /// Token embeddings x [B, T, C] with the positions, if they act at the input.
  virtual Tensor at_input(const Tensor& x, const PreparedPositions& positions,
                          const nn::Pass& pass) const;
  /// Lets the positions act in the attention of a layer.
  virtual void at_attention(std::int64_t layer, const PreparedPositions& positions,
                            const nn::Pass& pass, nn::SelfAttention::Extra& extra) const;

 private:
  /// embed() without an interpolation.
  virtual Tensor compute(const PositionGrid& grid, const nn::Pass& pass) const;

  Extent trained_;
  Interpolation interpolation_ = Interpolation::none;
};

/// A SelfAttention::Extra::transform: `pair` acts on queries and keys, sequence b of the pass by
/// block (first_row + b) mod blocks.
std::function<Tensor(const Tensor&)> acting_on_queries_and_keys(const ops::PositionPair& pair,
                                                                std::int64_t heads,
                                                                ops::PositionAct act,
                                                                const nn::Pass& pass);

/// NoPE: nothing; a causal model can still tell positions apart.
class NoPosition final : public PositionEncoding {};

}  // namespace seqpe::models

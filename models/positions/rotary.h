// Queries and keys turned by an angle that grows with the position, so that their product depends
// on the distance alone (RoPE, Su et al., 2021).
#pragma once

#include "models/positions/position_encoding.h"
#include "models/positions/position_table.h"

namespace seqpe::models {

/// Channels (2j, 2j + 1) of each head of size D turn by p / base^(2j / D) at position p. Embeddings
/// are the D / 2 sines and then the cosines of the angles.
class RotaryPosition final : public PositionEncoding {
 public:
  /// `train_tokens`: rows that are kept (of an image: with its class token); any other position may
  /// be asked for. Throws ConfigError if the head size is odd.
  RotaryPosition(std::int64_t train_tokens, std::int64_t heads, std::int64_t head_size,
                 double base);
  PreparedPositions prepare(const Tensor& pe, DType dtype) const override;
  void at_attention(std::int64_t layer, const PreparedPositions& positions, const nn::Pass& pass,
                    nn::SelfAttention::Extra& extra) const override;

 private:
  Tensor compute(const PositionGrid& grid, const nn::Pass& pass) const override;

  std::int64_t heads_;
  PositionTable table_;
};

}  // namespace seqpe::models

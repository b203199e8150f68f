// Rotary positions of two dimensions with fixed frequencies (axial RoPE, Heo et al., 2024).
#pragma once

#include "models/positions/position_encoding.h"
#include "models/positions/position_table.h"

namespace seqpe::models {

/// Pairs j < D / 4 of each head of size D turn by column / base^(4j / D), pairs D / 4 + j by row /
/// base^(4j / D). Embeddings are the D / 2 sines and then the cosines of the angles. The class
/// token does not turn.
class Rotary2dPosition final : public PositionEncoding {
 public:
  /// `trained`: {rows, columns}, whose embeddings are kept. Throws ConfigError unless 4 divides the
  /// head size.
  Rotary2dPosition(const Extent& trained, std::int64_t heads, std::int64_t head_size, double base,
                   DType dtype);
  PreparedPositions prepare(const Tensor& pe, DType dtype) const override;
  void at_attention(std::int64_t layer, const PreparedPositions& positions, const nn::Pass& pass,
                    nn::SelfAttention::Extra& extra) const override;

 private:
  Tensor compute(const PositionGrid& grid, const nn::Pass& pass) const override;

  std::int64_t heads_;
  PositionTable table_;
  Tensor unturned_;  // of the class token
};

/// What turns nothing: width / 2 sines 0 and as many cosines 1.
Tensor no_rotation(std::int64_t width, DType dtype);

}  // namespace seqpe::models

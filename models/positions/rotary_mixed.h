// Rotary positions of two dimensions with learned frequencies (RoPE-Mixed, Heo et al., 2024).
#pragma once

#include "models/positions/position_encoding.h"
#include "models/positions/position_table.h"

namespace seqpe::models {

/// Pair j of head h turns in layer l by column * freqs[0, l, h, j] + row * freqs[1, l, h, j]. The
/// class token does not turn. Angles are computed unrounded, in mixed precision too: bf16 knows a
/// frequency to 0.4 %, and an angle of ten turns to a quarter of a radian.
class RotaryMixedPosition final : public PositionEncoding {
 public:
  /// by_head: as described. reference: the reference's memory order, which reads its list of
  /// rotations [heads, patches] as if it were [patches, heads]; for its checkpoints.
  enum class Layout : std::uint8_t { by_head, reference };
  struct Options {
    Extent trained;                                     // {rows, columns}
    std::int64_t layers = 0, heads = 0, head_size = 0;  // a multiple of 4, or ConfigError
    double base = 10000.0;                              // of the initial frequencies
    Layout layout = Layout::by_head;
    DType dtype = DType::f32;
  };
  explicit RotaryMixedPosition(const Options& options);

  /// Frequencies of size base^(-4j / D) in two directions at right angles, which a random angle a
  /// layer and head turns.
  void initialize(std::uint64_t seed) const override;
  PreparedPositions prepare(const Tensor& pe, DType dtype) const override;
  void at_attention(std::int64_t layer, const PreparedPositions& positions, const nn::Pass& pass,
                    nn::SelfAttention::Extra& extra) const override;

 private:
  Tensor compute(const PositionGrid& grid, const nn::Pass& pass) const override;
  Tensor in_reference_order(const Tensor& angles, std::int64_t patches) const;

  Options options_;
  PositionTable coordinates_;          // (column, row)
  Tensor freqs_;                       // [2, layers, heads * head_size / 2]
  std::vector<Tensor> rows_of_layer_;  // i64 [2] into the flattened freqs
  Tensor unturned_;                    // of the class token
  Tensor reference_order_;             // of the trained grid, where the layout is the reference's
};

}  // namespace seqpe::models

// Sines and cosines of the position at the input (Vaswani et al., 2017).
#pragma once

#include "models/positions/position_encoding.h"
#include "models/positions/position_table.h"

namespace seqpe::models {

/// Feature j of position p is sin (j even) or cos (j odd) of p / base^(2 floor(j / 2) / width).
class SinusoidalPosition final : public PositionEncoding {
 public:
  /// `train_tokens`: rows that are kept (of an image: with its class token); any other position may
  /// be asked for.
  SinusoidalPosition(std::int64_t train_tokens, std::int64_t width, double base);
  PreparedPositions prepare(const Tensor& pe, DType dtype) const override;
  Tensor at_input(const Tensor& x, const PreparedPositions& positions,
                  const nn::Pass& pass) const override;

 private:
  Tensor compute(const PositionGrid& grid, const nn::Pass& pass) const override;

  PositionTable table_;
};

}  // namespace seqpe::models

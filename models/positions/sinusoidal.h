// Sines and cosines of the position at the input (Vaswani et al., 2017).
#pragma once

#include "models/positions/position_encoding.h"
#include "models/positions/position_table.h"

namespace seqpe::models {

/// Feature j of position p is sin (j even) or cos (j odd) of p / base^(2 floor(j / 2) / width).
class SinusoidalPosition final : public PositionEncoding {
 public:
  /// `train_length`: rows that are kept; any other position may be asked for.
  SinusoidalPosition(std::int64_t train_length, std::int64_t width, double base);
  Tensor embed(const std::vector<std::int64_t>& starts, std::int64_t length,
               const nn::Pass& pass) const override;
  PreparedPositions prepare(const Tensor& pe, DType dtype) const override;
  Tensor at_input(const Tensor& x, const PreparedPositions& positions,
                  const nn::Pass& pass) const override;

 private:
  PositionTable table_;
};

}  // namespace seqpe::models

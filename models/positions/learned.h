// A learned table, one row a position.
#pragma once

#include "engine/nn/layers.h"
#include "models/positions/position_encoding.h"

namespace seqpe::models {

/// A learned table, one row a position (`vanilla` in the reference). Beyond its length it is
/// stretched linearly.
class LearnedPosition final : public PositionEncoding {
 public:
  LearnedPosition(std::int64_t length, std::int64_t width, DType dtype);
  bool shorter_is_prefix(std::int64_t length) const override;
  Tensor at_input(const Tensor& x, const PreparedPositions& positions,
                  const nn::Pass& pass) const override;

 private:
  Tensor compute(const PositionGrid& grid, const nn::Pass& pass) const override;

  nn::Embedding wpe_;
};

}  // namespace seqpe::models

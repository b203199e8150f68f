// Positions that follow from a formula: a table that nobody learns.
#pragma once

#include <functional>

#include "engine/nn/module.h"
#include "models/positions/position_grid.h"

namespace seqpe::models {

/// A module without parameters, for its table follows the model to its device.
class PositionTable final : public nn::Module {
 public:
  /// Writes the `width` numbers of a position, which has as many numbers as the grid dimensions.
  using Row = std::function<void(const std::int64_t* position, double* row)>;

  /// Keeps the rows of `extent` from position 0. A training reads them again and again, in recorded
  /// work too.
  PositionTable(Extent extent, std::int64_t width, Row row);

  /// [blocks, tokens, width], f32: kept ones, or made anew.
  Tensor rows(const PositionGrid& grid) const;

 private:
  Extent extent_;
  Row row_;
  Tensor kept_;  // [1, tokens, width]
};

}  // namespace seqpe::models

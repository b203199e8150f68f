// Positions that follow from a formula: a table that nobody learns.
#pragma once

#include <functional>

#include "engine/nn/module.h"

namespace seqpe::models {

/// A module without parameters, for its table follows the model to its device.
class PositionTable final : public nn::Module {
 public:
  /// Writes the `width` numbers of a position.
  using Row = std::function<void(std::int64_t position, double* row)>;

  /// Keeps the rows of positions 0 to rows - 1. A training reads them again and again, in recorded
  /// work too.
  PositionTable(std::int64_t rows, std::int64_t width, Row row);

  /// [starts, length, width], f32: those of `length` positions from each start, kept or made anew.
  Tensor rows(const std::vector<std::int64_t>& starts, std::int64_t length) const;

 private:
  Row row_;
  Tensor kept_;  // [1, rows, width]
};

}  // namespace seqpe::models

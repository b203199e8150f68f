// The positions that training uses, as points of a line (text) or of a square (image patches), and
// the windows of them that a sequence or a grid of patches covers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/positions/position_grid.h"

namespace seqpe::models {

/// All positions of `dimensions` integers in [0, side), numbered row by row. The samplers draw
/// numbers and hand out the integers.
class PositionSpace {
 public:
  /// side: max_position in one dimension; floor(sqrt(max_position)) in two, where max_position
  /// counts cells.
  explicit PositionSpace(std::int64_t max_position, std::int64_t dimensions = 1);

  std::int64_t dimensions() const { return dimensions_; }
  std::int64_t side() const { return side_; }
  std::int64_t count() const { return place_count(window(side_)); }

  /// `side` along every axis.
  Extent window(std::int64_t side) const;
  /// The places where a window of this size can start, as a window.
  Extent starts_of(const Extent& extent) const;
  /// Number of a window's place `index` if the window starts at position number `start`.
  std::int64_t number_in(std::int64_t start, const Extent& extent, std::int64_t index) const;

  /// Euclid's.
  std::int64_t squared_distance(std::int64_t a, std::int64_t b) const;
  /// The integers of positions, `dimensions` each, in a row.
  std::vector<std::int64_t> coordinates(const std::vector<std::int64_t>& numbers) const;

  /// For messages: "20000", "10000 (100 x 100 cells)".
  std::string name() const;

 private:
  std::int64_t max_position_, dimensions_, side_;
};

}  // namespace seqpe::models

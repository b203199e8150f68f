// Where tokens stand: one after the other on a line (text), or row by row in a grid (patches of an
// image).
#pragma once

#include <cstdint>
#include <vector>

namespace seqpe::models {

/// Size along each axis: {tokens}, or {rows, columns}.
using Extent = std::vector<std::int64_t>;

/// How many positions an extent has.
std::int64_t place_count(const Extent& extent);

/// Place number `index` of an extent, row by row: one integer an axis.
std::vector<std::int64_t> place_in(const Extent& extent, std::int64_t index);

/// Blocks of positions of one extent. A block begins at as many numbers of
/// `starts` as the extent has.
struct PositionGrid {
  Extent extent;
  std::vector<std::int64_t> starts;

  std::int64_t dimensions() const { return static_cast<std::int64_t>(extent.size()); }
  std::int64_t blocks() const;
  /// Of a block.
  std::int64_t tokens() const { return place_count(extent); }
  /// One block from position 0.
  bool at_origin() const;
};

/// `length` tokens from each start.
PositionGrid line(std::int64_t length, std::vector<std::int64_t> starts = {0});
/// One block of an extent from position 0.
PositionGrid at_origin(Extent extent);

/// An image's patches and, before them, its class token, on a line. Throws Error unless the grid is
/// one block from position 0.
PositionGrid behind_class_token(const PositionGrid& grid);

/// The positions of all blocks in their order, dimensions() numbers each.
std::vector<std::int64_t> positions_of(const PositionGrid& grid);

}  // namespace seqpe::models

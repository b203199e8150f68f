#include "models/positions/position_grid.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "kernels/common/error.h"

namespace seqpe::models {

std::int64_t place_count(const Extent& extent) {
  std::int64_t count = 1;
  for (const std::int64_t size : extent) count *= size;
  return count;
}

std::vector<std::int64_t> place_in(const Extent& extent, std::int64_t index) {
  std::vector<std::int64_t> place(extent.size());
  for (std::size_t axis = extent.size(); axis-- > 0; index /= extent[axis]) {
    place[axis] = index % extent[axis];
  }
  return place;
}

std::int64_t PositionGrid::blocks() const {
  const auto count = static_cast<std::int64_t>(starts.size());
  require(dimensions() >= 1 && count % dimensions() == 0,
          "[positions] starts must be groups of {} numbers, one an axis, got {} numbers.",
          dimensions(), count);
  return count / dimensions();
}

bool PositionGrid::at_origin() const {
  return blocks() == 1 && std::ranges::all_of(starts, [](auto start) { return start == 0; });
}

PositionGrid line(std::int64_t length, std::vector<std::int64_t> starts) {
  return {{length}, std::move(starts)};
}

PositionGrid at_origin(Extent extent) {
  std::vector<std::int64_t> starts(extent.size(), 0);
  return {std::move(extent), std::move(starts)};
}

PositionGrid behind_class_token(const PositionGrid& grid) {
  require(grid.at_origin(), "[positions] patches on a line must begin at 0, got [{}].",
          fmt::join(grid.starts, ", "));
  return line(1 + grid.tokens());
}

std::vector<std::int64_t> positions_of(const PositionGrid& grid) {
  std::vector<std::int64_t> positions;
  positions.reserve(static_cast<std::size_t>(grid.blocks() * grid.tokens()) * grid.extent.size());
  for (std::int64_t block = 0; block < grid.blocks(); ++block) {
    const std::int64_t* start = grid.starts.data() + block * grid.dimensions();
    for (std::int64_t token = 0; token < grid.tokens(); ++token) {
      const std::vector<std::int64_t> place = place_in(grid.extent, token);
      for (std::size_t d = 0; d < place.size(); ++d) positions.push_back(start[d] + place[d]);
    }
  }
  return positions;
}

}  // namespace seqpe::models

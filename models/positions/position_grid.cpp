#include "models/positions/position_grid.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "kernels/common/error.h"

namespace seqpe::models {

std::int64_t PositionGrid::blocks() const {
  return static_cast<std::int64_t>(starts.size()) / dimensions();
}

std::int64_t PositionGrid::tokens() const {
  return std::accumulate(extent.begin(), extent.end(), std::int64_t{1}, std::multiplies<>());
}

bool PositionGrid::at_origin() const {
  return blocks() == 1 && std::ranges::all_of(starts, [](auto start) { return start == 0; });
}

PositionGrid line(std::int64_t length, std::vector<std::int64_t> starts) {
  return {{length}, std::move(starts)};
}

PositionGrid at_origin(std::vector<std::int64_t> extent) {
  std::vector<std::int64_t> starts(extent.size(), 0);
  return {std::move(extent), std::move(starts)};
}

PositionGrid behind_class_token(const PositionGrid& grid) {
  require(grid.at_origin(), "[positions] patches on a line must begin at 0, got [{}].",
          fmt::join(grid.starts, ", "));
  return line(1 + grid.tokens());
}

std::vector<std::int64_t> positions_of(const PositionGrid& grid) {
  const std::size_t dimensions = grid.extent.size();
  std::vector<std::int64_t> positions;
  positions.reserve(static_cast<std::size_t>(grid.blocks() * grid.tokens()) * dimensions);
  for (std::int64_t block = 0; block < grid.blocks(); ++block) {
    const std::int64_t* start = grid.starts.data() + block * grid.dimensions();
    for (std::int64_t token = 0; token < grid.tokens(); ++token) {
      // The last dimension runs fastest.
      positions.resize(positions.size() + dimensions);
      std::int64_t rest = token;
      for (std::size_t d = dimensions; d-- > 0; rest /= grid.extent[d])
        positions[positions.size() - dimensions + d] = start[d] + rest % grid.extent[d];
    }
  }
  return positions;
}

}  // namespace seqpe::models

#include "models/positions/learned.h"

#include <fmt/ranges.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/rows.h"

namespace seqpe::models {

LearnedPosition::LearnedPosition(std::int64_t length, std::int64_t width, DType dtype)
    : wpe_(length, width, 0.02, dtype) {
  add_child("wpe", wpe_);
}

Tensor LearnedPosition::compute(const PositionGrid& grid, const nn::Pass&) const {
  const Tensor& table = wpe_.weight();
  const std::int64_t rows = table.dim(0), width = table.dim(1), length = grid.tokens();
  const std::vector<std::int64_t>& starts = grid.starts;
  if (length > rows) {
    require(grid.at_origin(),
            "[learned] a stretched table must have the one start 0, got starts [{}].",
            fmt::join(starts, ", "));
    return interpolate(table.view({1, rows, width}), {rows}, {length}, Interpolation::linear);
  }
  for (const std::int64_t start : starts) {
    require(start >= 0 && start + length <= rows,
            "[learned] positions must lie in [0, {}) (rows of the table), got {} to {}.", rows,
            start, start + length - 1);
  }
  if (starts.size() == 1)
    return ops::slice_rows(table, starts[0], starts[0] + length).view({1, length, width});
  return wpe_.forward(Tensor::from({grid.blocks(), length}, positions_of(grid)));
}

bool LearnedPosition::shorter_is_prefix(std::int64_t length) const {
  return length <= wpe_.weight().dim(0);
}

Tensor LearnedPosition::at_input(const Tensor& x, const PreparedPositions& positions,
                                 const nn::Pass& pass) const {
  return ops::add_rows(x, positions.pe, pass.first_row);
}

}  // namespace seqpe::models

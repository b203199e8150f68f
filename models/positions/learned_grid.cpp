#include "models/positions/learned_grid.h"

#include <fmt/ranges.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/rows.h"

namespace seqpe::models {

LearnedGridPosition::LearnedGridPosition(Extent trained, std::int64_t width, Interpolation resizing,
                                         DType dtype)
    : trained_(std::move(trained)),
      resizing_(resizing),
      table_(add_parameter("pos_embed", {1, 1 + place_count(trained_), width}, dtype,
                           nn::Init::normal(0.02))) {}

Tensor LearnedGridPosition::compute(const PositionGrid& grid, const nn::Pass&) const {
  require(grid.at_origin(), "[learned] a table must be read from position 0, got starts [{}].",
          fmt::join(grid.starts, ", "));
  const std::int64_t rows = table_.dim(1), width = table_.dim(2);
  const Tensor flat = table_.view({rows, width});
  // Not the parameter itself: a step's gradients go back through what it was computed from.
  if (grid.extent == trained_) return ops::slice_rows(flat, 0, rows).view({1, rows, width});
  const Tensor patches = ops::slice_rows(flat, 1, rows).view({1, rows - 1, width});
  return ops::prepend_token(ops::slice_rows(flat, 0, 1),
                            interpolate(patches, trained_, grid.extent, resizing_));
}

Tensor LearnedGridPosition::at_input(const Tensor& x, const PreparedPositions& positions,
                                     const nn::Pass& pass) const {
  return ops::add_rows(x, positions.pe, pass.first_row);
}

}  // namespace seqpe::models

#include "models/positions/position_table.h"

#include <vector>

namespace seqpe::models {
namespace {

Tensor make_rows(const PositionGrid& grid, std::int64_t width,
                 const PositionTable::Row& write_row) {
  const Tensor table = Tensor::empty({grid.blocks(), grid.tokens(), width}, DType::f32);
  std::vector<double> row(static_cast<std::size_t>(width));
  auto* out = table.data_as<float>();
  const std::vector<std::int64_t> positions = positions_of(grid);
  for (std::size_t p = 0; p < positions.size(); p += grid.extent.size(), out += width) {
    write_row(positions.data() + p, row.data());
    for (std::int64_t c = 0; c < width; ++c)
      out[c] = static_cast<float>(row[static_cast<std::size_t>(c)]);
  }
  return table;
}

}  // namespace

PositionTable::PositionTable(std::vector<std::int64_t> extent, std::int64_t width, Row row)
    : extent_(std::move(extent)),
      row_(std::move(row)),
      kept_(add_constant(make_rows(at_origin(extent_), width, row_))) {}

Tensor PositionTable::rows(const PositionGrid& grid) const {
  const std::int64_t width = kept_.dim(2);
  if (grid.extent == extent_ && grid.at_origin()) return kept_;
  if (extent_.size() == 1 && grid.starts.size() == 1) {
    const std::int64_t start = grid.starts[0], end = start + grid.tokens();
    if (start >= 0 && end <= kept_.dim(1))
      return kept_.view({kept_.dim(1), width}).rows(start, end).view({1, end - start, width});
  }
  return make_rows(grid, width, row_).to(kept_.device());
}

}  // namespace seqpe::models

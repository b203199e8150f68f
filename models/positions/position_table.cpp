#include "models/positions/position_table.h"

#include <vector>

namespace seqpe::models {
namespace {

Tensor make_rows(const std::vector<std::int64_t>& starts, std::int64_t length, std::int64_t width,
                 const PositionTable::Row& write_row) {
  const auto blocks = static_cast<std::int64_t>(starts.size());
  const Tensor table = Tensor::empty({blocks, length, width}, DType::f32);
  std::vector<double> row(static_cast<std::size_t>(width));
  auto* out = table.data_as<float>();
  for (const std::int64_t start : starts) {
    for (std::int64_t t = 0; t < length; ++t, out += width) {
      write_row(start + t, row.data());
      for (std::int64_t c = 0; c < width; ++c)
        out[c] = static_cast<float>(row[static_cast<std::size_t>(c)]);
    }
  }
  return table;
}

}  // namespace

PositionTable::PositionTable(std::int64_t rows, std::int64_t width, Row row)
    : row_(std::move(row)), kept_(add_constant(make_rows({0}, rows, width, row_))) {}

Tensor PositionTable::rows(const std::vector<std::int64_t>& starts, std::int64_t length) const {
  const std::int64_t width = kept_.dim(2);
  if (starts.size() == 1 && starts[0] >= 0 && starts[0] + length <= kept_.dim(1)) {
    const Tensor flat = kept_.view({kept_.dim(1), width});
    return flat.rows(starts[0], starts[0] + length).view({1, length, width});
  }
  return make_rows(starts, length, width, row_).to(kept_.device());
}

}  // namespace seqpe::models

#include "models/positions/learned.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/linear.h"
#include "engine/ops/rows.h"

namespace seqpe::models {
namespace {

/// Weights [length, rows] that stretch a table of `rows` to `length` linearly (pixel centres
/// aligned, the ends held: PyTorch's interpolate with align_corners = false).
Tensor stretching_weights(std::int64_t length, std::int64_t rows, DType dtype) {
  const Tensor weights = Tensor::zeros({length, rows}, DType::f64);
  for (std::int64_t i = 0; i < length; ++i) {
    const double ratio = static_cast<double>(rows) / static_cast<double>(length);
    const double place = std::max(0.0, (static_cast<double>(i) + 0.5) * ratio - 0.5);
    const auto low = std::min(static_cast<std::int64_t>(place), rows - 1);
    const std::int64_t high = std::min(low + 1, rows - 1);
    const double fraction = place - static_cast<double>(low);
    weights.data_as<double>()[i * rows + low] += 1.0 - fraction;
    weights.data_as<double>()[i * rows + high] += fraction;
  }
  return weights.to(dtype);
}

}  // namespace

LearnedPosition::LearnedPosition(std::int64_t length, std::int64_t width, DType dtype)
    : wpe_(length, width, 0.02, dtype) {
  add_child("wpe", wpe_);
}

Tensor LearnedPosition::embed(const std::vector<std::int64_t>& starts, std::int64_t length,
                              const nn::Pass&) const {
  const Tensor& table = wpe_.weight();
  const std::int64_t rows = table.dim(0), width = table.dim(1);
  if (length > rows) {
    require(starts.size() == 1 && starts[0] == 0,
            "[learned] a stretched table must have the one start 0, got starts [{}].",
            fmt::join(starts, ", "));
    return ops::linear(stretching_weights(length, rows, table.dtype()).to(table.device()), table,
                       {}, ops::WeightLayout::in_out)
        .view({1, length, width});
  }
  for (const std::int64_t start : starts) {
    require(start >= 0 && start + length <= rows,
            "[learned] positions must lie in [0, {}) (rows of the table), got {} to {}.", rows,
            start, start + length - 1);
  }
  if (starts.size() == 1)
    return ops::slice_rows(table, starts[0], starts[0] + length).view({1, length, width});
  const auto blocks = static_cast<std::int64_t>(starts.size());
  const Tensor indices = Tensor::empty({blocks, length}, DType::i64);
  for (std::int64_t b = 0; b < blocks; ++b) {
    for (std::int64_t t = 0; t < length; ++t) {
      indices.data_as<std::int64_t>()[b * length + t] = starts[static_cast<std::size_t>(b)] + t;
    }
  }
  return wpe_.forward(indices);
}

bool LearnedPosition::shorter_is_prefix(std::int64_t length) const {
  return length <= wpe_.weight().dim(0);
}

Tensor LearnedPosition::at_input(const Tensor& x, const PreparedPositions& positions,
                                 const nn::Pass& pass) const {
  return ops::add_rows(x, positions.pe, pass.first_row);
}

}  // namespace seqpe::models

#include "models/positions/sinusoidal.h"

#include <cmath>

#include "engine/ops/elementwise.h"

namespace seqpe::models {

SinusoidalPosition::SinusoidalPosition(std::int64_t train_tokens, std::int64_t width, double base)
    : table_({train_tokens}, width, [=](const std::int64_t* position, double* row) {
        for (std::int64_t j = 0; j < width; ++j) {
          const double exponent = static_cast<double>(j - j % 2) / static_cast<double>(width);
          const double angle = static_cast<double>(*position) / std::pow(base, exponent);
          row[j] = j % 2 == 0 ? std::sin(angle) : std::cos(angle);
        }
      }) {
  add_child("table", table_);
}

Tensor SinusoidalPosition::compute(const PositionGrid& grid, const nn::Pass&) const {
  return table_.rows(grid.dimensions() == 1 ? grid : behind_class_token(grid));
}

PreparedPositions SinusoidalPosition::prepare(const Tensor& pe, DType dtype) const {
  return {pe.to(dtype), {}};
}

Tensor SinusoidalPosition::at_input(const Tensor& x, const PreparedPositions& positions,
                                    const nn::Pass& pass) const {
  return ops::add_rows(x, positions.pe, pass.first_row);
}

}  // namespace seqpe::models

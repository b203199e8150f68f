#include "models/positions/rotary.h"

#include <cmath>

namespace seqpe::models {

RotaryPosition::RotaryPosition(std::int64_t train_tokens, std::int64_t heads,
                               std::int64_t head_size, double base)
    : heads_(heads),
      table_({train_tokens}, head_size, [=](const std::int64_t* position, double* row) {
        const std::int64_t pairs = head_size / 2;
        for (std::int64_t j = 0; j < pairs; ++j) {
          const double exponent = static_cast<double>(2 * j) / static_cast<double>(head_size);
          const double angle = static_cast<double>(*position) / std::pow(base, exponent);
          row[j] = std::sin(angle);
          row[pairs + j] = std::cos(angle);
        }
      }) {
  require<ConfigError>(head_size % 2 == 0,
                       "[rotary] a head's size (model.width over model.heads) must be even, got "
                       "{}.",
                       head_size);
  add_child("table", table_);
}

Tensor RotaryPosition::compute(const PositionGrid& grid, const nn::Pass&) const {
  return table_.rows(grid.dimensions() == 1 ? grid : behind_class_token(grid));
}

PreparedPositions RotaryPosition::prepare(const Tensor& pe, DType dtype) const {
  return {pe, {.pe = pe.to(dtype), .split = false, .shared_by_heads = true}};
}

void RotaryPosition::at_attention(std::int64_t, const PreparedPositions& positions,
                                  const nn::Pass& pass, nn::SelfAttention::Extra& extra) const {
  extra.transform =
      acting_on_queries_and_keys(positions.shared, heads_, ops::PositionAct::rotate, pass);
}

}  // namespace seqpe::models

#include "models/positions/rotary_2d.h"

#include <cmath>

#include "engine/ops/rows.h"

namespace seqpe::models {

Tensor no_rotation(std::int64_t width, DType dtype) {
  const Tensor rotation = Tensor::zeros({width}, dtype);
  rotation.rows(width / 2, width).fill(1.0);
  return rotation;
}

Rotary2dPosition::Rotary2dPosition(const Extent& trained, std::int64_t heads,
                                   std::int64_t head_size, double base, DType dtype)
    : heads_(heads),
      table_(trained, head_size,
             [=](const std::int64_t* position, double* row) {
               const std::int64_t pairs = head_size / 2;
               for (std::int64_t j = 0; j < pairs; ++j) {
                 const bool by_column = j < pairs / 2;
                 const std::int64_t number = by_column ? j : j - pairs / 2;
                 const double exponent =
                     static_cast<double>(4 * number) / static_cast<double>(head_size);
                 const double angle =
                     static_cast<double>(position[by_column ? 1 : 0]) / std::pow(base, exponent);
                 row[j] = std::sin(angle);
                 row[pairs + j] = std::cos(angle);
               }
             }),
      unturned_(add_constant(no_rotation(head_size, dtype))) {
  require<ConfigError>(head_size % 4 == 0,
                       "[rotary_2d] a head's size (model.width over model.heads) must be a "
                       "multiple of 4, got {}.",
                       head_size);
  add_child("table", table_);
}

Tensor Rotary2dPosition::compute(const PositionGrid& grid, const nn::Pass&) const {
  return table_.rows(grid);
}

PreparedPositions Rotary2dPosition::prepare(const Tensor& pe, DType dtype) const {
  const Tensor all = ops::prepend_token(unturned_.to(dtype), pe.to(dtype));
  return {all, {.pe = all, .split = false, .shared_by_heads = true}};
}

void Rotary2dPosition::at_attention(std::int64_t, const PreparedPositions& positions,
                                    const nn::Pass& pass, nn::SelfAttention::Extra& extra) const {
  extra.transform =
      acting_on_queries_and_keys(positions.shared, heads_, ops::PositionAct::rotate, pass);
}

}  // namespace seqpe::models

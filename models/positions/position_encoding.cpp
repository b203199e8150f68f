#include "models/positions/position_encoding.h"

namespace seqpe::models {

Tensor PositionEncoding::embed(const std::vector<std::int64_t>&, std::int64_t,
                               const nn::Pass&) const {
  return {};
}

bool PositionEncoding::shorter_is_prefix(std::int64_t) const {
  return true;
}

PreparedPositions PositionEncoding::prepare(const Tensor& pe, DType) const {
  return {pe, {}};
}

Tensor PositionEncoding::at_input(const Tensor& x, const PreparedPositions&,
                                  const nn::Pass&) const {
  return x;
}

void PositionEncoding::at_attention(std::int64_t, const PreparedPositions&, const nn::Pass&,
                                    nn::SelfAttention::Extra&) const {}

}  // namespace seqpe::models

#include "models/positions/position_encoding.h"

#include <fmt/ranges.h>

#include "engine/ops/elementwise.h"

namespace seqpe::models {

Tensor PositionEncoding::embed(const PositionGrid& grid, const nn::Pass& pass) const {
  if (interpolation_ == Interpolation::none || grid.extent == trained_) return compute(grid, pass);
  require(grid.at_origin(),
          "[positions] interpolated positions must have the one start 0, got starts [{}].",
          fmt::join(grid.starts, ", "));
  const Tensor pe = compute(at_origin(trained_), pass);
  const std::int64_t trained = place_count(trained_);
  if (pe.dim(1) == trained) return interpolate(pe, trained_, grid.extent, interpolation_);
  // With the class token in it: along the sequence.
  return interpolate(pe, {pe.dim(1)}, {grid.tokens() + pe.dim(1) - trained}, interpolation_);
}

void PositionEncoding::interpolate_from(Extent trained, Interpolation with) {
  trained_ = std::move(trained);
  interpolation_ = with;
}

bool PositionEncoding::shorter_is_prefix(std::int64_t) const {
  return interpolation_ == Interpolation::none;
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

std::function<Tensor(const Tensor&)> acting_on_queries_and_keys(const ops::PositionPair& pair,
                                                                std::int64_t heads,
                                                                ops::PositionAct act,
                                                                const nn::Pass& pass) {
  return [pair, heads, act, first = pass.first_row](const Tensor& qkv) {
    ops::PositionPair converted = pair;
    converted.pe = ops::convert(pair.pe, qkv.dtype());
    return ops::act_on_queries_and_keys(qkv, converted, heads, act, first);
  };
}

Tensor PositionEncoding::compute(const PositionGrid&, const nn::Pass&) const {
  return {};
}

}  // namespace seqpe::models

#include "models/seqpe/seqpe_position.h"

#include <algorithm>

#include "engine/autograd/node.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/position.h"

namespace seqpe::models {
namespace {

// In evaluation only the embeddings stay: their activations, S + 1 tokens each, are made for so
// many positions at a time.
constexpr std::int64_t kPositionsAtOnce = 1024;

SeqpeOptions with_digits(SeqpeOptions options) {
  if (options.max_digits == 0) {
    options.max_digits = digits_needed(options.max_position, options.dimensions, options.base);
  }
  return options;
}

}  // namespace

std::int64_t seqpe_out_dim(const SeqpeOptions& options, std::int64_t width, std::int64_t heads) {
  return options.apply == Apply::input_add || options.multi_head ? width : width / heads;
}

std::vector<std::int64_t> runs_of_positions(const std::vector<std::int64_t>& starts,
                                            std::int64_t length) {
  std::vector<std::int64_t> positions;
  positions.reserve(starts.size() * static_cast<std::size_t>(length));
  for (const std::int64_t start : starts) {
    for (std::int64_t t = 0; t < length; ++t) positions.push_back(start + t);
  }
  return positions;
}

SeqpePosition::SeqpePosition(const SeqpeOptions& options, std::int64_t layers, std::int64_t width,
                             std::int64_t heads, DType dtype)
    : options_(with_digits(options)),
      heads_(heads),
      encoder_(options_, seqpe_out_dim(options_, width, heads), dtype) {
  encoder_.set_name("encoder");
  if (options_.apply == Apply::input_add || options_.qk_projection == QkProjection::none) return;
  const std::int64_t dim = encoder_.out_dim();
  const bool single = options_.qk_projection == QkProjection::single;
  for (std::int64_t layer = 0; layer < (single ? 1 : layers); ++layer) {
    pe_qk_.push_back(std::make_unique<nn::Linear>(nn::Linear::Options{
        .in = dim, .out = 2 * dim, .layout = ops::WeightLayout::out_in, .dtype = dtype}));
    add_child(single ? "pe_qk" : fmt::format("h.{}.attn.pe_qk", layer), *pe_qk_.back());
  }
}

Tensor SeqpePosition::embed(const std::vector<std::int64_t>& starts, std::int64_t length,
                            const nn::Pass& pass) const {
  const std::vector<std::int64_t> positions = runs_of_positions(starts, length);
  const auto count = static_cast<std::int64_t>(positions.size());
  const Shape shape{static_cast<std::int64_t>(starts.size()), length, encoder_.out_dim()};
  if (autograd::grad_enabled() || pass.training || count == 0)
    return encoder_.forward(positions, pass).view(shape);
  Tensor table;
  for (std::int64_t begin = 0; begin < count; begin += kPositionsAtOnce) {
    const std::int64_t end = std::min(count, begin + kPositionsAtOnce);
    const Tensor part =
        encoder_.forward({positions.begin() + begin, positions.begin() + end}, pass);
    if (begin == 0) table = Tensor::empty({count, part.dim(1)}, part.dtype(), part.device());
    table.rows(begin, end).copy_from(part);
  }
  return table.view(shape);
}

ops::PositionPair SeqpePosition::project(const nn::Linear& projection, const Tensor& pe) const {
  return {.pe = projection.forward(pe), .split = true, .shared_by_heads = !options_.multi_head};
}

PreparedPositions SeqpePosition::prepare(const Tensor& pe, DType) const {
  PreparedPositions positions{pe, {}};
  if (options_.apply == Apply::input_add) return positions;
  if (options_.qk_projection == QkProjection::none) {
    positions.shared = {.pe = pe, .split = false, .shared_by_heads = !options_.multi_head};
  } else if (options_.qk_projection == QkProjection::single) {
    positions.shared = project(*pe_qk_[0], pe);
  }
  return positions;
}

Tensor SeqpePosition::at_input(const Tensor& x, const PreparedPositions& positions,
                               const nn::Pass& pass) const {
  if (options_.apply != Apply::input_add) return x;
  return ops::add_rows(x, positions.pe, pass.first_row);
}

void SeqpePosition::at_attention(std::int64_t layer, const PreparedPositions& positions,
                                 const nn::Pass& pass, nn::SelfAttention::Extra& extra) const {
  if (options_.apply == Apply::input_add) return;
  const ops::PositionPair pair =
      options_.qk_projection == QkProjection::per_layer
          ? project(*pe_qk_[static_cast<std::size_t>(layer)], positions.pe)
          : positions.shared;
  if (options_.apply == Apply::attn_scalar) {
    extra.position = pair;
    extra.pe_scale = options_.scalar_scale;
    return;
  }
  const auto act =
      options_.apply == Apply::attn_add ? ops::PositionAct::add : ops::PositionAct::multiply;
  extra.transform = [pair, act, heads = heads_, first = pass.first_row](const Tensor& qkv) {
    return ops::act_on_queries_and_keys(qkv, pair, heads, act, first);
  };
}

}  // namespace seqpe::models

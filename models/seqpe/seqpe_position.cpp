#include "models/seqpe/seqpe_position.h"

#include <algorithm>

#include "engine/autograd/node.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/rows.h"

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

SeqpePosition::SeqpePosition(const SeqpeOptions& options, const Model& model)
    : options_(with_digits(options)),
      heads_(model.heads),
      encoder_(options_, seqpe_out_dim(options_, model.width, model.heads), model.dtype) {
  encoder_.set_name("encoder");
  const std::int64_t dim = encoder_.out_dim();
  if (model.class_token) {
    of_class_token_ =
        add_parameter("cls_token_pos_embed", {1, 1, dim}, model.dtype, nn::Init::normal(0.02));
  }
  require<ConfigError>(options_.qk_projection != QkProjection::none_split ||
                           (options_.apply == Apply::attn_scalar && dim % 2 == 0),
                       "[seqpe] seqpe.qk_projection none_split must go with seqpe.apply "
                       "attn_scalar and an even width of an embedding, got width {}.",
                       dim);
  if (options_.apply == Apply::input_add) return;
  const bool single = options_.qk_projection == QkProjection::single;
  if (!single && options_.qk_projection != QkProjection::per_layer) return;
  for (std::int64_t layer = 0; layer < (single ? 1 : model.layers); ++layer) {
    pe_qk_.push_back(std::make_unique<nn::Linear>(nn::Linear::Options{
        .in = dim, .out = 2 * dim, .layout = ops::WeightLayout::out_in, .dtype = model.dtype}));
    add_child(single ? "pe_qk" : fmt::format("{}.{}.attn.pe_qk", model.blocks, layer),
              *pe_qk_.back());
  }
}

Tensor SeqpePosition::compute(const PositionGrid& grid, const nn::Pass& pass) const {
  const bool flat = options_.dimensions < grid.dimensions() && grid.at_origin();
  require(flat || options_.dimensions == grid.dimensions(),
          "[seqpe] positions must have the {} of seqpe.dimensions, got {} dimensions.",
          options_.dimensions, grid.dimensions());
  const std::vector<std::int64_t> positions = positions_of(flat ? line(grid.tokens()) : grid);
  const std::int64_t count = grid.blocks() * grid.tokens();
  const Shape shape{grid.blocks(), grid.tokens(), encoder_.out_dim()};
  if (autograd::grad_enabled() || pass.training || count == 0)
    return encoder_.forward(positions, pass).view(shape);
  Tensor table;
  for (std::int64_t begin = 0; begin < count; begin += kPositionsAtOnce) {
    const std::int64_t end = std::min(count, begin + kPositionsAtOnce);
    const Tensor part = encoder_.forward({positions.begin() + begin * options_.dimensions,
                                          positions.begin() + end * options_.dimensions},
                                         pass);
    if (begin == 0) table = Tensor::empty({count, part.dim(1)}, part.dtype(), part.device());
    table.rows(begin, end).copy_from(part);
  }
  return table.view(shape);
}

ops::PositionPair SeqpePosition::project(const nn::Linear& projection, const Tensor& pe) const {
  return {.pe = projection.forward(pe), .split = true, .shared_by_heads = !options_.multi_head};
}

PreparedPositions SeqpePosition::prepare(const Tensor& pe, DType) const {
  PreparedPositions positions{
      of_class_token_.defined() ? ops::prepend_token(of_class_token_, pe) : pe, {}};
  if (options_.apply == Apply::input_add) return positions;
  switch (options_.qk_projection) {
    case QkProjection::none:
    case QkProjection::none_split:
      positions.shared = {.pe = positions.pe,
                          .split = options_.qk_projection == QkProjection::none_split,
                          .shared_by_heads = !options_.multi_head};
      break;
    case QkProjection::single:
      positions.shared = project(*pe_qk_[0], positions.pe);
      break;
    case QkProjection::per_layer:
      break;
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
  extra.transform = acting_on_queries_and_keys(pair, heads_, act, pass);
}

}  // namespace seqpe::models

#include "models/positions/rotary_mixed.h"

#include <cmath>
#include <numbers>

#include "engine/core/random.h"
#include "engine/core/stream_id.h"
#include "engine/ops/embedding.h"
#include "engine/ops/linear.h"
#include "engine/ops/rows.h"
#include "engine/ops/sine_cosine.h"
#include "models/positions/rotary_2d.h"

namespace seqpe::models {
namespace {

/// Patch n of head h reads entry n * heads + h of a list [heads, patches]: that entry as a row of
/// [patches, heads].
Tensor reference_order(std::int64_t patches, std::int64_t heads) {
  std::vector<std::int64_t> rows;
  for (std::int64_t entry = 0; entry < patches * heads; ++entry)
    rows.push_back(entry % patches * heads + entry / patches);
  return Tensor::from({patches * heads}, rows);
}

}  // namespace

RotaryMixedPosition::RotaryMixedPosition(const Options& options)
    : options_(options),
      coordinates_(options.trained, 2,
                   [](const std::int64_t* position, double* row) {
                     row[0] = static_cast<double>(position[1]);
                     row[1] = static_cast<double>(position[0]);
                   }),
      freqs_(add_parameter("freqs", {2, options.layers, options.heads * options.head_size / 2},
                           options.dtype, nn::Init::zeros(), /*rounded=*/false)),
      unturned_(add_constant(no_rotation(options.heads * options.head_size, options.dtype))) {
  require<ConfigError>(options.head_size % 4 == 0,
                       "[rotary_mixed] a head's size (model.width over model.heads) must be a "
                       "multiple of 4, got {}.",
                       options.head_size);
  if (options.layout == Layout::reference)
    reference_order_ = add_constant(reference_order(place_count(options.trained), options.heads));
  for (std::int64_t layer = 0; layer < options.layers; ++layer)
    rows_of_layer_.push_back(
        add_constant(Tensor::from<std::int64_t>({2}, {layer, options.layers + layer})));
  add_child("coordinates", coordinates_);
}

void RotaryMixedPosition::initialize(std::uint64_t seed) const {
  PhiloxGenerator generator(
      {.seed = seed, .stream = stream_id(nn::join_names(name(), "freqs")), .step = 0});
  const auto& [trained, layers, heads, head_size, base, layout, dtype] = options_;
  const Tensor values = Tensor::empty(freqs_.shape(), DType::f64);
  auto* by_column = values.data_as<double>();
  double* by_row = by_column + layers * heads * head_size / 2;
  for (std::int64_t head = 0; head < layers * heads; ++head) {
    const double angle = 2.0 * std::numbers::pi * generator.uniform();
    for (std::int64_t j = 0; j < head_size / 2; ++j) {
      const std::int64_t number = j % (head_size / 4);
      const double direction = j < head_size / 4 ? angle : angle + std::numbers::pi / 2;
      const double size =
          std::pow(base, -static_cast<double>(4 * number) / static_cast<double>(head_size));
      *by_column++ = size * std::cos(direction);
      *by_row++ = size * std::sin(direction);
    }
  }
  freqs_.copy_from(values.to(dtype));
}

Tensor RotaryMixedPosition::compute(const PositionGrid& grid, const nn::Pass&) const {
  return coordinates_.rows(grid);
}

PreparedPositions RotaryMixedPosition::prepare(const Tensor& pe, DType) const {
  return {pe.to(freqs_.dtype()), {}};
}

Tensor RotaryMixedPosition::in_reference_order(const Tensor& angles, std::int64_t patches) const {
  const bool is_trained = reference_order_.numel() == patches * options_.heads;
  const Tensor order = is_trained ? reference_order_ : reference_order(patches, options_.heads);
  return ops::embedding(angles.view({patches * options_.heads, options_.head_size / 2}), order);
}

void RotaryMixedPosition::at_attention(std::int64_t layer, const PreparedPositions& positions,
                                       const nn::Pass& pass,
                                       nn::SelfAttention::Extra& extra) const {
  const auto& [trained, layers, heads, head_size, base, layout, dtype] = options_;
  const std::int64_t patches = positions.pe.dim(1);
  const Tensor freqs =
      ops::embedding(freqs_.view({2 * layers, heads * head_size / 2}),
                     rows_of_layer_[static_cast<std::size_t>(layer)]);  // [2, heads * D / 2]
  Tensor angles =
      ops::linear(positions.pe.view({patches, 2}), freqs, {}, ops::WeightLayout::in_out);
  if (layout == Layout::reference) angles = in_reference_order(angles, patches);
  const Tensor turns = ops::sine_cosine(angles.view({1, patches, heads * head_size / 2}));
  // All heads are one slice: the sines of every head, then the cosines.
  const ops::PositionPair pair{
      .pe = ops::prepend_token(unturned_, turns), .split = false, .shared_by_heads = false};
  extra.transform = acting_on_queries_and_keys(pair, heads, ops::PositionAct::rotate, pass);
}

}  // namespace seqpe::models

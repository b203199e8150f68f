#include "models/seqpe/encoder.h"

#include <algorithm>

#include "engine/ops/elementwise.h"
#include "engine/ops/embedding.h"
#include "engine/ops/rows.h"

namespace seqpe::models {
namespace {

constexpr double kInitStd = 0.02;

}  // namespace

SeqpeEncoder::SeqpeEncoder(const SeqpeOptions& options, std::int64_t out_dim, DType dtype)
    : options_(options),
      digits_(options.dimensions * options.max_digits),
      out_dim_(out_dim),
      digit_embedding_(options.base, options.encoder.width, kInitStd, dtype),
      place_embedding_(digits_, options.encoder.width, kInitStd, dtype),
      out_proj_({.in = options.encoder.width,
                 .out = out_dim,
                 .layout = ops::WeightLayout::out_in,
                 .init_std = kInitStd,
                 .dtype = dtype}) {
  require<ConfigError>(options.encoder.layers >= 1,
                       "[seqpe] seqpe.encoder.layers must be >= 1, got {}.",
                       options.encoder.layers);
  const std::int64_t width = options.encoder.width;
  const auto of_rows = [&](const auto& value_of) {
    std::vector<std::int64_t> values;
    for (std::int64_t row = 0; row < digits_ * options.base; ++row) values.push_back(value_of(row));
    return add_constant(Tensor::from({digits_ * options.base}, values));
  };
  digit_of_row_ = of_rows([&](std::int64_t row) { return row % options.base; });
  place_of_row_ = of_rows([&](std::int64_t row) { return row / options.base; });
  add_child("token_of_seqpe_embed", digit_embedding_);
  add_child("pos_of_seqpe_embed", place_embedding_);
  if (options.dimensions > 1) {
    dimension_of_row_ =
        of_rows([&](std::int64_t row) { return row / options.base / options.max_digits; });
    dimension_embedding_ = add_parameter("dim_token_embed", {options.dimensions, 1, width}, dtype,
                                         nn::Init::normal(kInitStd));
  }
  cls_embedding_ =
      add_parameter("cls_token_embed", {1, 1, width}, dtype, nn::Init::normal(kInitStd));
  for (std::int64_t i = 0; i < options.encoder.layers; ++i) {
    blocks_.push_back(std::make_unique<nn::TransformerBlock>(nn::TransformerBlock::Options{
        .width = width,
        .heads = options.encoder.heads,
        .causal = options.encoder.attention == AttentionDirection::causal,
        .activation = activation_of(options.encoder.activation),
        .layer_norm_eps = options.encoder.layer_norm_eps,
        .init_std = kInitStd,
        .output_init_std = kInitStd,
        .residual_dropout = options.encoder.dropout.residual,
        .attention_dropout = options.encoder.dropout.attention,
        .norm_1 = "layernorm_1",
        .norm_2 = "layernorm_2",
        .dtype = dtype}));
    add_child(fmt::format("transformers.{}", i), *blocks_.back());
  }
  if (options.encoder.last_layernorm) {
    layernorm_ = std::make_unique<nn::LayerNorm>(width, options.encoder.layer_norm_eps, dtype);
    add_child("layernorm", *layernorm_);
  }
  add_child("out_proj", out_proj_);
}

PositionTokens SeqpeEncoder::tokenize(const std::vector<std::int64_t>& positions) const {
  const DigitSequences sequences =
      write_digits(positions, options_.dimensions, options_.base, options_.max_digits);
  const std::int64_t count = sequences.count, length = digits_ + 1;
  const std::int64_t cls = digits_ * options_.base;
  PositionTokens tokens;
  tokens.indices = Tensor::empty({count, length}, DType::i64);
  auto* indices = tokens.indices.data_as<std::int64_t>();
  for (std::int64_t p = 0; p < count; ++p) {
    for (std::int64_t s = 0; s < digits_; ++s) {
      indices[p * length + s] =
          s * options_.base + sequences.digits[static_cast<std::size_t>(p * digits_ + s)];
    }
    indices[p * length + digits_] = cls;
  }
  if (blocks_.size() == 1) {
    tokens.cls_indices = Tensor::empty({count, 1}, DType::i64);
    std::fill_n(tokens.cls_indices.data_as<std::int64_t>(), count, cls);
  }
  if (options_.encoder.mask_padding) {
    tokens.key_mask = Tensor::empty({count, length}, DType::u8);
    auto* mask = tokens.key_mask.data_as<std::uint8_t>();
    for (std::int64_t p = 0; p < count; ++p) {
      for (std::int64_t s = 0; s < digits_; ++s) {
        mask[p * length + s] = sequences.pad_mask[static_cast<std::size_t>(p * digits_ + s)];
      }
      mask[p * length + digits_] = 1;
    }
  }
  return tokens;
}

/// Every token that a sequence can hold, once: row s * base + digit, and CLS last. [S * base + 1,
/// E]
Tensor SeqpeEncoder::token_table() const {
  Tensor table =
      ops::add(digit_embedding_.forward(digit_of_row_), place_embedding_.forward(place_of_row_));
  const std::int64_t width = options_.encoder.width;
  if (dimension_embedding_.defined()) {
    table = ops::add(table, ops::embedding(dimension_embedding_.view({options_.dimensions, width}),
                                           dimension_of_row_));
  }
  return ops::concat_rows({table, cls_embedding_.view({1, width})});
}

Tensor SeqpeEncoder::read_out(const Tensor& cls) const {
  const Tensor out = out_proj_.forward(layernorm_ ? layernorm_->forward(cls) : cls);
  const double temperature = options_.encoder.temperature;
  return (temperature == 1.0 ? out : ops::scale(out, 1.0 / temperature)).view({-1, out_dim_});
}

/// Two exact savings over forward_plain. The first block's LN1 and projection see only S * base + 1
/// different tokens, so they run on the table and are gathered. The last block is read at CLS
/// alone: its queries, output projection and MLP run for that token, only its keys and values for
/// all.
Tensor SeqpeEncoder::forward(const PositionTokens& tokens, const nn::Pass& pass) const {
  const Tensor table = token_table();
  const nn::SelfAttention::Extra extra{.key_mask = tokens.key_mask};
  const std::size_t last = blocks_.size() - 1;
  // The residual stream [P, L, E] behind the first block, and that normalised for the next one.
  ops::ResidualLayerNorm stream;
  for (std::size_t i = 0; i < last; ++i) {
    const nn::TransformerBlock& block = *blocks_[i];
    const nn::SelfAttention& attention = block.attention();
    if (i == 0) stream.sum = ops::embedding(table, tokens.indices);
    const Tensor qkv =
        i == 0 ? ops::embedding(attention.qkv(block.norm_1().forward(table)), tokens.indices)
               : attention.qkv(stream.norm);
    const Tensor attended = ops::attention(qkv, attention.attention_options(pass, extra));
    stream = block.add_mlp(block.add_attention(stream.sum, attended, pass),
                           blocks_[i + 1]->norm_1(), pass);
  }

  const nn::TransformerBlock& block = *blocks_[last];
  const nn::SelfAttention& attention = block.attention();
  const nn::Pass cls_pass = pass.of_token(digits_, digits_ + 1);
  Tensor cls, attended;  // [P, 1, E]
  if (last == 0) {
    const Tensor normed = block.norm_1().forward(table);
    cls = ops::embedding(table, tokens.cls_indices);
    attended = ops::attention(ops::embedding(attention.queries(normed), tokens.cls_indices),
                              ops::embedding(attention.keys_values(normed), tokens.indices),
                              attention.attention_options(cls_pass, extra));
  } else {
    cls = ops::take_token(stream.sum, digits_);
    attended = attention.attend_token(stream.norm, digits_, pass, extra);
  }
  stream = block.add_attention(cls, attended, cls_pass);
  return read_out(block.mlp().add_to(stream.sum, stream.norm, cls_pass));
}

Tensor SeqpeEncoder::forward_plain(const std::vector<std::int64_t>& positions, const nn::Pass& pass,
                                   std::vector<Tensor>* streams) const {
  const PositionTokens tokens = tokenize(positions);
  const nn::SelfAttention::Extra extra{.key_mask = tokens.key_mask};
  Tensor x = ops::embedding(token_table(), tokens.indices);
  if (streams) streams->push_back(x);
  for (const auto& block : blocks_) {
    x = block->attention().add_to(x, block->norm_1().forward(x), pass, extra);
    x = block->mlp().add_to(x, block->norm_2().forward(x), pass);
    if (streams) streams->push_back(x);
  }
  return read_out(ops::take_token(x, digits_));
}

}  // namespace seqpe::models

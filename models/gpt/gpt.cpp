#include "models/gpt/gpt.h"

#include <cmath>

namespace seqpe::models {
namespace {

constexpr double kInitStd = 0.02;

/// Output projections start smaller, so that the residual stream keeps its size over the depth
/// (GPT-2).
double output_init_std(const GptOptions& options) {
  return kInitStd / std::sqrt(2.0 * static_cast<double>(options.layers));
}

}  // namespace

Gpt::Gpt(const GptOptions& options, std::unique_ptr<PositionEncoding> position)
    : options_(options),
      position_(std::move(position)),
      wte_(options.vocab_size, options.width, kInitStd, options.dtype),
      dropout_(options.dropout.embedding),
      ln_f_(options.width, options.layer_norm_eps, options.dtype) {
  require<ConfigError>(options.heads >= 1 && options.width % options.heads == 0,
                       "[gpt] model.width must be a multiple of model.heads, got {} and {}.",
                       options.width, options.heads);
  require<ConfigError>(options.layers >= 1, "[gpt] model.layers must be >= 1, got {}.",
                       options.layers);
  add_child("transformer.wte", wte_);
  add_child("transformer", *position_);
  add_child("transformer.drop", dropout_);
  for (std::int64_t i = 0; i < options.layers; ++i) {
    blocks_.push_back(std::make_unique<nn::TransformerBlock>(
        nn::TransformerBlock::Options{.width = options.width,
                                      .heads = options.heads,
                                      .activation = options.activation,
                                      .layer_norm_eps = options.layer_norm_eps,
                                      .init_std = kInitStd,
                                      .output_init_std = output_init_std(options),
                                      .residual_dropout = options.dropout.residual,
                                      .attention_dropout = options.dropout.attention,
                                      .dtype = options.dtype}));
    add_child(fmt::format("transformer.h.{}", i), *blocks_.back());
  }
  add_child("transformer.ln_f", ln_f_);
  set_name("");
}

Tensor Gpt::forward(const Tensor& ids, const Tensor& pe, const Tensor& key_mask,
                    const nn::Pass& pass) const {
  require(ids.rank() == 2, "[gpt] ids must have shape [B, T], got {}.", to_string(ids.shape()));
  const PreparedPositions positions = position_->prepare(pe, wte_.weight().dtype());
  const Tensor x = dropout_.forward(position_->at_input(wte_.forward(ids), positions, pass), pass);
  ops::ResidualLayerNorm stream{x, blocks_[0]->norm_1().forward(x)};
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    nn::SelfAttention::Extra extra;
    extra.key_mask = key_mask;
    position_->at_attention(static_cast<std::int64_t>(i), positions, pass, extra);
    const nn::LayerNorm& next = i + 1 < blocks_.size() ? blocks_[i + 1]->norm_1() : ln_f_;
    stream = blocks_[i]->forward(stream, next, pass, extra);
  }
  return stream.norm;
}

Tensor Gpt::logits(const Tensor& hidden) const {
  return ops::linear(hidden, wte_.weight(), {}, ops::WeightLayout::out_in);
}

ops::CrossEntropy Gpt::loss(const Tensor& hidden, const Tensor& labels, double divisor) const {
  return ops::linear_cross_entropy(hidden, wte_.weight(), labels, divisor);
}

}  // namespace seqpe::models

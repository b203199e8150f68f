#include "models/vit/vit.h"

#include <cmath>

#include "engine/ops/patches.h"
#include "engine/ops/rows.h"

namespace seqpe::models {
namespace {

constexpr double kInitStd = 0.02;
constexpr std::int64_t kClassToken = 0;  // its place in the sequence

double drop_path_of(const VitOptions& options, std::int64_t layer) {
  if (options.layers == 1) return 0.0;
  return options.drop_path * static_cast<double>(layer) / static_cast<double>(options.layers - 1);
}

}  // namespace

Vit::PatchEmbedding::PatchEmbedding(const VitOptions& options) {
  const Shape shape{options.width, kChannels, options.patch, options.patch};
  // PyTorch's for a convolution.
  const double bound =
      1.0 / std::sqrt(static_cast<double>(kChannels * options.patch * options.patch));
  weight = add_parameter("weight", shape, options.dtype, nn::Init::uniform(bound));
  bias = add_parameter("bias", {options.width}, options.dtype, nn::Init::uniform(bound));
}

Vit::Vit(const VitOptions& options, std::unique_ptr<PositionEncoding> position)
    : options_(options),
      position_(std::move(position)),
      class_token_(add_parameter("cls_token", {1, 1, options.width}, options.dtype,
                                 nn::Init::normal(kInitStd))),
      patch_embedding_(options),
      dropout_(options.dropout.embedding),
      norm_(options.width, options.layer_norm_eps, options.dtype),
      head_({.in = options.width,
             .out = options.classes,
             .layout = ops::WeightLayout::out_in,
             .init_std = kInitStd,
             .dtype = options.dtype}) {
  require<ConfigError>(options.heads >= 1 && options.width % options.heads == 0,
                       "[vit] model.width must be a multiple of model.heads, got {} and {}.",
                       options.width, options.heads);
  require<ConfigError>(options.layers >= 1, "[vit] model.layers must be >= 1, got {}.",
                       options.layers);
  add_child("", *position_);
  add_child("patch_embed.proj", patch_embedding_);
  add_child("pos_drop", dropout_);
  for (std::int64_t i = 0; i < options.layers; ++i) {
    blocks_.push_back(std::make_unique<nn::TransformerBlock>(
        nn::TransformerBlock::Options{.width = options.width,
                                      .heads = options.heads,
                                      .causal = false,
                                      .activation = options.activation,
                                      .layer_norm_eps = options.layer_norm_eps,
                                      .init_std = kInitStd,
                                      .output_init_std = kInitStd,
                                      .residual_dropout = options.dropout.residual,
                                      .attention_dropout = options.dropout.attention,
                                      .drop_path = drop_path_of(options, i),
                                      .names = nn::kTimmNames,
                                      .norm_1 = "norm1",
                                      .norm_2 = "norm2",
                                      .dtype = options.dtype}));
    add_child(fmt::format("blocks.{}", i), *blocks_.back());
  }
  add_child("norm", norm_);
  add_child("head", head_);
  set_name("");
}

Extent Vit::grid_of(std::int64_t height, std::int64_t width) const {
  const std::int64_t patch = options_.patch;
  require(height >= patch && width >= patch && height % patch == 0 && width % patch == 0,
          "[vit] height and width of an image must be multiples of the patch {}, got {} and {}.",
          patch, height, width);
  return {height / patch, width / patch};
}

Tensor Vit::forward(const Tensor& images, const Tensor& pe, const nn::Pass& pass,
                    std::vector<Tensor>* streams) const {
  const DType dtype = class_token_.dtype();
  const PreparedPositions positions = position_->prepare(pe, dtype);
  const Tensor patches = ops::patches(images, options_.patch, dtype);
  const Tensor tokens =
      ops::linear(patches, patch_embedding_.weight.view({options_.width, patches.dim(2)}),
                  patch_embedding_.bias, ops::WeightLayout::out_in);
  const Tensor x = dropout_.forward(
      position_->at_input(ops::prepend_token(class_token_, tokens), positions, pass), pass);
  ops::ResidualLayerNorm stream{x, blocks_[0]->norm_1().forward(x)};
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    nn::SelfAttention::Extra extra;
    position_->at_attention(static_cast<std::int64_t>(i), positions, pass, extra);
    const bool is_last = i + 1 == blocks_.size();
    // The head reads the class token alone.
    stream = is_last ? blocks_[i]->forward_token(stream, kClassToken, norm_, pass, extra)
                     : blocks_[i]->forward(stream, blocks_[i + 1]->norm_1(), pass, extra);
    if (streams) streams->push_back(stream.sum);
  }
  return head_.forward(stream.norm.view({images.dim(0), options_.width}));
}

}  // namespace seqpe::models

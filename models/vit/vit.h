// ViT (Dosovitskiy et al., 2021) as the Python package timm has it: a pre-norm Transformer over the
// patches of an image and a class token, with any position encoding.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/nn/transformer_block.h"
#include "kernels/common/image_number.h"
#include "models/positions/position_encoding.h"

namespace seqpe::models {

struct VitDropout {
  double embedding = 0.0;
  double residual = 0.0;
  double attention = 0.0;
};

struct VitOptions {
  std::int64_t layers = 12;
  std::int64_t width = 384;
  std::int64_t heads = 6;
  std::int64_t patch = 16;  // pixels, height and width of a patch
  std::int64_t classes = 1000;
  ops::Activation activation = ops::Activation::gelu_erf;
  double layer_norm_eps = 1e-6;
  VitDropout dropout;
  double drop_path = 0.0;  // of the last block; it grows linearly over the depth from 0
  DType dtype = DType::f32;
};

class Vit final : public nn::Module {
 public:
  static constexpr std::int64_t kChannels = kImageChannels;

  Vit(const VitOptions& options, std::unique_ptr<PositionEncoding> position);

  /// Logits of the classes: images f32 [B, 3, rows * patch, columns * patch], normalised, and pe as
  /// position().embed gives it for {rows, columns} -> [B, classes]. `streams`, if wanted, gets the
  /// residual stream [B, 1 + patches, C] behind each block; of the last [B, 1, C], the class token.
  Tensor forward(const Tensor& images, const Tensor& pe, const nn::Pass& pass,
                 std::vector<Tensor>* streams = nullptr) const;

  /// {rows, columns} of the patches of an image. Throws Error unless the patch divides both sides.
  Extent grid_of(std::int64_t height, std::int64_t width) const;

  PositionEncoding& position() { return *position_; }
  const PositionEncoding& position() const { return *position_; }
  const VitOptions& options() const { return options_; }
  const nn::TransformerBlock& last_block() const { return *blocks_.back(); }

 private:
  /// A convolution whose stride is its width: a linear layer on patches.
  struct PatchEmbedding final : nn::Module {
    explicit PatchEmbedding(const VitOptions& options);
    Tensor weight, bias;  // [C, 3, patch, patch], [C]
  };

  VitOptions options_;
  std::unique_ptr<PositionEncoding> position_;
  Tensor class_token_;  // [1, 1, C]
  PatchEmbedding patch_embedding_;
  nn::Dropout dropout_;
  std::vector<std::unique_ptr<nn::TransformerBlock>> blocks_;
  nn::LayerNorm norm_;
  nn::Linear head_;
};

}  // namespace seqpe::models

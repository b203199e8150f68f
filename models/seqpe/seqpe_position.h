// SeqPE as the position encoding of a model: the encoder, and how its embeddings act (seqpe.apply,
// seqpe.qk_projection).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/positions/position_encoding.h"
#include "models/seqpe/encoder.h"

namespace seqpe::models {

class SeqpePosition final : public PositionEncoding {
 public:
  /// What it needs to know of its model.
  struct Model {
    std::int64_t layers = 0, width = 0, heads = 0;
    bool class_token = false;  // which then has an embedding of its own, cls_token_pos_embed
    std::string blocks = "h";  // the name of its blocks, for the projection of each layer
    DType dtype = DType::f32;
  };
  SeqpePosition(const SeqpeOptions& options, const Model& model);

  PreparedPositions prepare(const Tensor& pe, DType dtype) const override;
  Tensor at_input(const Tensor& x, const PreparedPositions& positions,
                  const nn::Pass& pass) const override;
  void at_attention(std::int64_t layer, const PreparedPositions& positions, const nn::Pass& pass,
                    nn::SelfAttention::Extra& extra) const override;

  /// Not a child: the encoder is a model of its own, with its own file, learning rate and clipping.
  SeqpeEncoder& encoder() { return encoder_; }
  const SeqpeEncoder& encoder() const { return encoder_; }
  const SeqpeOptions& options() const { return options_; }

 private:
  Tensor compute(const PositionGrid& grid, const nn::Pass& pass) const override;
  ops::PositionPair project(const nn::Linear& projection, const Tensor& pe) const;

  SeqpeOptions options_;
  std::int64_t heads_;
  SeqpeEncoder encoder_;
  Tensor of_class_token_;                           // [1, 1, out_dim], or undefined
  std::vector<std::unique_ptr<nn::Linear>> pe_qk_;  // one, one a layer, or none
};

/// Width of an embedding: the model's, or one head's if the heads share it.
std::int64_t seqpe_out_dim(const SeqpeOptions& options, std::int64_t width, std::int64_t heads);

}  // namespace seqpe::models

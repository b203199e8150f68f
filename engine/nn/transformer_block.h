// A pre-norm Transformer block: x += attention(norm_1(x)), x += mlp(norm_2(x)).
#pragma once

#include "engine/nn/transformer.h"

namespace seqpe::nn {

/// The residual stream is carried in pairs: the sum, and that normalised for the next branch, which
/// one pass over memory makes of a branch and the sum before it (ops::residual_layer_norm).
class TransformerBlock final : public Module {
 public:
  struct Options {
    std::int64_t width = 0, heads = 1;
    bool causal = true;
    ops::Activation activation = ops::Activation::gelu_tanh;  // of an MLP of 4 * width
    double layer_norm_eps = 1e-5;
    double init_std = 0.02;
    double output_init_std = 0.02;  // of the two projections that end a branch
    double residual_dropout = 0.0;  // on what a branch adds, element by element
    double attention_dropout = 0.0;
    double drop_path = 0.0;  // of a sequence's whole branch (stochastic depth, Huang et al., 2016)
    LinearNames names = kGpt2Names;
    const char *norm_1 = "ln_1", *norm_2 = "ln_2";
    DType dtype = DType::f32;
  };
  explicit TransformerBlock(const Options& options);

  /// The stream behind this block, normalised by `next`.
  ops::ResidualLayerNorm forward(const ops::ResidualLayerNorm& stream, const LayerNorm& next,
                                 const Pass& pass, const SelfAttention::Extra& extra) const;
  /// The same for one token of each sequence, [B, 1, C], where nothing reads the others: they are
  /// attended to, but attend to nothing and are not sent through the MLP.
  ops::ResidualLayerNorm forward_token(const ops::ResidualLayerNorm& stream, std::int64_t token,
                                       const LayerNorm& next, const Pass& pass,
                                       const SelfAttention::Extra& extra) const;

  // The steps one by one, for callers that compute attention from something else.
  /// What attention gave ([..., C], before the projection) joins the residual stream.
  ops::ResidualLayerNorm add_attention(const Tensor& residual, const Tensor& attended,
                                       const Pass& pass) const;
  ops::ResidualLayerNorm add_mlp(const ops::ResidualLayerNorm& stream, const LayerNorm& next,
                                 const Pass& pass) const;

  const LayerNorm& norm_1() const { return norm_1_; }
  const LayerNorm& norm_2() const { return norm_2_; }
  const SelfAttention& attention() const { return attention_; }
  const Mlp& mlp() const { return mlp_; }

 private:
  ops::ResidualLayerNorm join(const Tensor& residual, const Tensor& branch, const Dropout& dropout,
                              const Dropout& path, const LayerNorm& norm, const Pass& pass) const;

  LayerNorm norm_1_;
  SelfAttention attention_;
  LayerNorm norm_2_;
  Mlp mlp_;
  Dropout attention_path_, mlp_path_;
};

}  // namespace seqpe::nn

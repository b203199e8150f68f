#include "engine/nn/transformer_block.h"

#include "engine/ops/rows.h"

namespace seqpe::nn {

TransformerBlock::TransformerBlock(const Options& options)
    : norm_1_(options.width, options.layer_norm_eps, options.dtype),
      attention_({.width = options.width,
                  .heads = options.heads,
                  .causal = options.causal,
                  .init_std = options.init_std,
                  .output_init_std = options.output_init_std,
                  .residual_dropout = options.residual_dropout,
                  .attention_dropout = options.attention_dropout,
                  .names = options.names,
                  .dtype = options.dtype}),
      norm_2_(options.width, options.layer_norm_eps, options.dtype),
      mlp_({.width = options.width,
            .hidden = 4 * options.width,
            .activation = options.activation,
            .init_std = options.init_std,
            .output_init_std = options.output_init_std,
            .dropout = options.residual_dropout,
            .names = options.names,
            .dtype = options.dtype}),
      attention_path_(options.drop_path, Dropout::Unit::sequence),
      mlp_path_(options.drop_path, Dropout::Unit::sequence) {
  add_child(options.norm_1, norm_1_);
  add_child("attn", attention_);
  add_child(options.norm_2, norm_2_);
  add_child("mlp", mlp_);
  add_child("attn_path", attention_path_);
  add_child("mlp_path", mlp_path_);
}

ops::ResidualLayerNorm TransformerBlock::join(const Tensor& residual, const Tensor& branch,
                                              const Dropout& dropout, const Dropout& path,
                                              const LayerNorm& norm, const Pass& pass) const {
  if (path.probability(pass) == 0.0) return norm.forward_sum(residual, branch, dropout, pass);
  return norm.forward_sum(residual, dropout.forward(branch, pass), path, pass);
}

ops::ResidualLayerNorm TransformerBlock::add_attention(const Tensor& residual,
                                                       const Tensor& attended,
                                                       const Pass& pass) const {
  return join(residual, attention_.project(attended), attention_.residual_dropout(),
              attention_path_, norm_2_, pass);
}

ops::ResidualLayerNorm TransformerBlock::add_mlp(const ops::ResidualLayerNorm& stream,
                                                 const LayerNorm& next, const Pass& pass) const {
  return join(stream.sum, mlp_.branch(stream.norm), mlp_.residual_dropout(), mlp_path_, next, pass);
}

ops::ResidualLayerNorm TransformerBlock::forward(const ops::ResidualLayerNorm& stream,
                                                 const LayerNorm& next, const Pass& pass,
                                                 const SelfAttention::Extra& extra) const {
  const Tensor attended = attention_.attend(stream.norm, pass, extra);
  return add_mlp(add_attention(stream.sum, attended, pass), next, pass);
}

ops::ResidualLayerNorm TransformerBlock::forward_token(const ops::ResidualLayerNorm& stream,
                                                       std::int64_t token, const LayerNorm& next,
                                                       const Pass& pass,
                                                       const SelfAttention::Extra& extra) const {
  const Tensor attended = attention_.attend_token(stream.norm, token, pass, extra);
  const Pass of_token = pass.of_token(token, stream.sum.dim(1));
  return add_mlp(add_attention(ops::take_token(stream.sum, token), attended, of_token), next,
                 of_token);
}

}  // namespace seqpe::nn

#include "engine/nn/transformer.h"

namespace seqpe::nn {

Mlp::Mlp(const Options& options)
    : activation_(options.activation),
      c_fc_({.in = options.width,
             .out = options.hidden,
             .init_std = options.init_std,
             .dtype = options.dtype}),
      c_proj_({.in = options.hidden,
               .out = options.width,
               .init_std = options.output_init_std,
               .dtype = options.dtype}),
      dropout_(options.dropout) {
  add_child("c_fc", c_fc_);
  add_child("c_proj", c_proj_);
  add_child("dropout", dropout_);
}

Tensor Mlp::add_to(const Tensor& residual, const Tensor& x, const Pass& pass) const {
  return dropout_.add_to(residual, branch(x), pass);
}

SelfAttention::SelfAttention(const Options& options)
    : width_(options.width),
      heads_(options.heads),
      causal_(options.causal),
      c_attn_({.in = options.width,
               .out = 3 * options.width,
               .init_std = options.init_std,
               .dtype = options.dtype}),
      c_proj_({.in = options.width,
               .out = options.width,
               .init_std = options.output_init_std,
               .dtype = options.dtype}),
      residual_dropout_(options.residual_dropout),
      attention_dropout_(options.attention_dropout) {
  add_child("c_attn", c_attn_);
  add_child("c_proj", c_proj_);
  add_child("resid_dropout", residual_dropout_);
  add_child("attn_dropout", attention_dropout_);
}

Tensor SelfAttention::branch(const Tensor& x, const Pass& pass, const Extra& extra) const {
  Tensor fused = qkv(x);
  if (extra.transform) fused = extra.transform(fused);
  return project(ops::attention(fused, attention_options(pass, extra), extra.position));
}

Tensor SelfAttention::add_to(const Tensor& residual, const Tensor& x, const Pass& pass,
                             const Extra& extra) const {
  return residual_dropout_.add_to(residual, branch(x, pass, extra), pass);
}

ops::AttentionOptions SelfAttention::attention_options(const Pass& pass, const Extra& extra) const {
  return {.heads = heads_,
          .causal = causal_,
          .pe_scale = extra.pe_scale,
          .dropout = attention_dropout_.probability(pass),
          .dropout_key = attention_dropout_.key(pass),
          .dropout_step = pass.step_at,
          .first_sequence = pass.first_row,
          .first_query = pass.first_token,
          .queries = pass.tokens,
          .key_mask = extra.key_mask};
}

}  // namespace seqpe::nn

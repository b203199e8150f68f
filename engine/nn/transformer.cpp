#include "engine/nn/transformer.h"

#include "engine/ops/rows.h"

namespace seqpe::nn {

Mlp::Mlp(const Options& options)
    : activation_(options.activation),
      fc1_({.in = options.width,
            .out = options.hidden,
            .layout = options.names.layout,
            .init_std = options.init_std,
            .dtype = options.dtype}),
      fc2_({.in = options.hidden,
            .out = options.width,
            .layout = options.names.layout,
            .init_std = options.output_init_std,
            .dtype = options.dtype}),
      dropout_(options.dropout) {
  add_child(options.names.fc1, fc1_);
  add_child(options.names.fc2, fc2_);
  add_child("dropout", dropout_);
}

Tensor Mlp::add_to(const Tensor& residual, const Tensor& x, const Pass& pass) const {
  return dropout_.add_to(residual, branch(x), pass);
}

SelfAttention::SelfAttention(const Options& options)
    : width_(options.width),
      heads_(options.heads),
      causal_(options.causal),
      qkv_({.in = options.width,
            .out = 3 * options.width,
            .layout = options.names.layout,
            .init_std = options.init_std,
            .dtype = options.dtype}),
      projection_({.in = options.width,
                   .out = options.width,
                   .layout = options.names.layout,
                   .init_std = options.output_init_std,
                   .dtype = options.dtype}),
      residual_dropout_(options.residual_dropout),
      attention_dropout_(options.attention_dropout) {
  add_child(options.names.qkv, qkv_);
  add_child(options.names.projection, projection_);
  add_child("resid_dropout", residual_dropout_);
  add_child("attn_dropout", attention_dropout_);
}

Tensor SelfAttention::attend(const Tensor& x, const Pass& pass, const Extra& extra) const {
  const Tensor fused = extra.transform ? extra.transform(qkv(x)) : qkv(x);
  return ops::attention(fused, attention_options(pass, extra), extra.position);
}

Tensor SelfAttention::attend_token(const Tensor& x, std::int64_t token, const Pass& pass,
                                   const Extra& extra) const {
  if (extra.transform) {  // of queries, keys and values at once: all tokens have them
    return ops::attention_of_token(extra.transform(qkv(x)), token, attention_options(pass, extra),
                                   extra.position);
  }
  return ops::attention(queries(ops::take_token(x, token)), keys_values(x),
                        attention_options(pass.of_token(token, x.dim(1)), extra), extra.position);
}

Tensor SelfAttention::branch(const Tensor& x, const Pass& pass, const Extra& extra) const {
  return project(attend(x, pass, extra));
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

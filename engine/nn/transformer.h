// The parts of a pre-norm Transformer block that every model here shares (Vaswani et al., 2017;
// GPT-2).
#pragma once

#include <cstdint>
#include <functional>

#include "engine/nn/layers.h"
#include "engine/ops/attention.h"

namespace seqpe::nn {

/// How published checkpoints call the linear layers of a block and lay out their weights.
struct LinearNames {
  const char *qkv, *projection;  // of attention
  const char *fc1, *fc2;         // of the MLP
  ops::WeightLayout layout;
};
inline constexpr LinearNames kGpt2Names{"c_attn", "c_proj", "c_fc", "c_proj",
                                        ops::WeightLayout::in_out};
inline constexpr LinearNames kTimmNames{"qkv", "proj", "fc1", "fc2", ops::WeightLayout::out_in};

/// Two linear layers with a GELU between them and dropout after the second: [..., C] -> [..., C].
class Mlp final : public Module {
 public:
  struct Options {
    std::int64_t width = 0;
    std::int64_t hidden = 0;
    ops::Activation activation = ops::Activation::gelu_tanh;
    double init_std = 0.02;
    double output_init_std = 0.02;
    double dropout = 0.0;
    LinearNames names = kGpt2Names;
    DType dtype = DType::f32;
  };
  explicit Mlp(const Options& options);

  /// fc2(gelu(fc1(x))), before the dropout
  Tensor branch(const Tensor& x) const { return fc2_.forward(fc1_.forward(x, activation_)); }
  const Dropout& residual_dropout() const { return dropout_; }
  /// residual + dropout(branch(x))
  Tensor add_to(const Tensor& residual, const Tensor& x, const Pass& pass) const;

 private:
  ops::Activation activation_;
  Linear fc1_, fc2_;
  Dropout dropout_;
};

/// Multi-head self-attention with one fused projection to q, k and v: [B, T, C] -> [B, T, C].
class SelfAttention final : public Module {
 public:
  struct Options {
    std::int64_t width = 0;
    std::int64_t heads = 1;
    bool causal = true;
    double init_std = 0.02;
    double output_init_std = 0.02;
    double residual_dropout = 0.0;
    double attention_dropout = 0.0;
    LinearNames names = kGpt2Names;
    DType dtype = DType::f32;
  };
  explicit SelfAttention(const Options& options);

  /// What a call adds to plain attention.
  struct Extra {
    Tensor key_mask;             // u8 [B, T]
    ops::PositionPair position;  // attn_scalar
    double pe_scale = 1.0;       // lambda of attn_scalar
    std::function<Tensor(const Tensor&)>
        transform;  // changes qkv before attention (attn_add, attn_mul, rotary)
  };
  /// attention(x), before the projection
  Tensor attend(const Tensor& x, const Pass& pass, const Extra& extra) const;
  /// The same for one token of each sequence: [B, 1, C]
  Tensor attend_token(const Tensor& x, std::int64_t token, const Pass& pass,
                      const Extra& extra) const;
  /// projection(attention(x)), before the dropout
  Tensor branch(const Tensor& x, const Pass& pass, const Extra& extra) const;
  const Dropout& residual_dropout() const { return residual_dropout_; }
  /// residual + dropout(branch(x))
  Tensor add_to(const Tensor& residual, const Tensor& x, const Pass& pass,
                const Extra& extra) const;

  // The steps one by one, for callers that compute only a part of them.
  /// [..., C] -> [..., 3C]
  Tensor qkv(const Tensor& x) const { return qkv_.forward(x); }
  /// [..., C] -> [..., C]
  Tensor queries(const Tensor& x) const { return qkv_.forward_columns(x, 0, width_); }
  /// [..., C] -> [..., 2C]
  Tensor keys_values(const Tensor& x) const { return qkv_.forward_columns(x, width_, 2 * width_); }
  ops::AttentionOptions attention_options(const Pass& pass, const Extra& extra) const;
  /// [..., C] -> [..., C]
  Tensor project(const Tensor& attended) const { return projection_.forward(attended); }

 private:
  std::int64_t width_, heads_;
  bool causal_;
  Linear qkv_, projection_;
  Dropout residual_dropout_, attention_dropout_;
};

}  // namespace seqpe::nn

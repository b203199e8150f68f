// The options of SeqPE, named as in the configuration (section `seqpe`). Defaults are those of the
// published LM recipe.
#pragma once

#include <cstdint>

#include "engine/ops/linear.h"

namespace seqpe::models {

/// How a position embedding enters the Transformer.
enum class Apply : std::uint8_t { input_add, attn_add, attn_mul, attn_scalar };
/// Where the projection of an embedding to (pe_q, pe_k) lies.
/// none_split: an embedding's halves are pe_q and pe_k, for attn_scalar alone.
enum class QkProjection : std::uint8_t { none, none_split, single, per_layer };
enum class AttentionDirection : std::uint8_t { causal, bidirectional };
/// gelu: exact (erf); gelu_new: GPT-2's tanh form.
enum class ActivationName : std::uint8_t { gelu, gelu_new };
inline ops::Activation activation_of(ActivationName name) {
  return name == ActivationName::gelu ? ops::Activation::gelu_erf : ops::Activation::gelu_tanh;
}
enum class Mixture : std::uint8_t { mixed, uniform };
enum class TransferMetric : std::uint8_t { kl_div, mse };

struct EncoderDropout {
  double residual = 0.1;
  double attention = 0.0;
};

struct EncoderOptions {
  std::int64_t width = 768;
  std::int64_t heads = 12;
  std::int64_t layers = 2;
  AttentionDirection attention = AttentionDirection::causal;
  bool mask_padding = false;
  bool last_layernorm = true;
  double temperature = 1.0;
  ActivationName activation = ActivationName::gelu_new;
  double layer_norm_eps = 1e-5;
  EncoderDropout dropout;
};

struct ShiftOptions {
  double rate = 0.1;
  std::int64_t pool = 320;
  std::int64_t blocks = 16;
};

struct ContrastiveOptions {
  double weight = 0.1;
  std::int64_t pivots = 64;
  std::int64_t candidates = 32;
  Mixture mixture = Mixture::mixed;
  std::int64_t local_range = 256;
  bool per_head = false;
  double logit_scale = 1.0;
};

struct TransferOptions {
  double weight = 0.1;
  std::int64_t starts = 64;
  std::int64_t indices = 32;
  TransferMetric metric = TransferMetric::kl_div;
  double beta = 1.0;
  bool per_head = true;
  double logit_scale = 1.0;
};

struct SeqpeOptions {
  Apply apply = Apply::attn_scalar;
  QkProjection qk_projection = QkProjection::single;
  bool multi_head = true;
  double scalar_scale = 1.0;
  std::int64_t base = 10;
  std::int64_t max_position = 20000;
  std::int64_t max_digits = 0;  // 0: as many as max_position - 1 needs (`auto`)
  std::int64_t dimensions = 1;
  EncoderOptions encoder;
  ShiftOptions shift;
  ContrastiveOptions contrastive;
  TransferOptions transfer;
  std::int64_t loss_warmup_steps = 0;
};

}  // namespace seqpe::models

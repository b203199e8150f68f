// Builds models from the metadata of a golden file and fills them with its parameters.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "models/gpt/gpt.h"
#include "models/seqpe/seqpe_position.h"
#include "tests/golden_tests/golden_support.h"

namespace seqpe::test {

template <typename E>
E choice(const std::string& name, const std::map<std::string, E>& names) {
  return names.at(name);
}

inline models::EncoderOptions encoder_options(const nlohmann::json& config) {
  models::EncoderOptions options;
  options.width = config.at("width");
  options.heads = config.at("heads");
  options.layers = config.at("layers");
  options.attention = choice<models::AttentionDirection>(
      config.at("attention"), {{"causal", models::AttentionDirection::causal},
                               {"bidirectional", models::AttentionDirection::bidirectional}});
  options.mask_padding = config.at("mask_padding");
  options.last_layernorm = config.at("last_layernorm");
  options.temperature = config.at("temperature");
  options.activation = choice<models::ActivationName>(
      config.at("activation"),
      {{"gelu", models::ActivationName::gelu}, {"gelu_new", models::ActivationName::gelu_new}});
  options.layer_norm_eps = config.at("layer_norm_eps");
  options.dropout = {0.0, 0.0};
  return options;
}

inline models::SeqpeOptions seqpe_options(const nlohmann::json& config) {
  models::SeqpeOptions options;
  options.base = config.at("base");
  options.max_position = config.at("max_position");
  options.max_digits = config.at("max_digits");
  options.dimensions = config.at("dimensions");
  options.encoder = encoder_options(config.at("encoder"));
  if (!config.contains("apply")) return options;
  options.apply =
      choice<models::Apply>(config.at("apply"), {{"input_add", models::Apply::input_add},
                                                 {"attn_add", models::Apply::attn_add},
                                                 {"attn_mul", models::Apply::attn_mul},
                                                 {"attn_scalar", models::Apply::attn_scalar}});
  options.multi_head = config.at("multi_head");
  options.scalar_scale = config.at("scalar_scale");
  const auto& projection = config.at("qk_projection");
  options.qk_projection =
      choice<models::QkProjection>(projection.is_null() ? "none" : projection.get<std::string>(),
                                   {{"none", models::QkProjection::none},
                                    {"none_split", models::QkProjection::none_split},
                                    {"single", models::QkProjection::single},
                                    {"per_layer", models::QkProjection::per_layer}});
  return options;
}

/// Copies `param.*` into the parameters; every parameter must be in the file and the other way
/// round.
inline void load_parameters(const Golden& golden, const std::vector<nn::Parameter>& parameters,
                            DType dtype) {
  std::size_t used = 0;
  for (const nn::Parameter& parameter : parameters) {
    const std::string name = "param." + parameter.name;
    ASSERT_TRUE(golden.has(name)) << name;
    parameter.value.copy_from(golden.tensor(name, dtype));
    ++used;
  }
  std::size_t stored = 0;
  for (const auto& entry : golden.file.entries()) stored += entry.name.starts_with("param.");
  EXPECT_EQ(used, stored) << "parameters of the file that the model does not have";
}

inline ops::Activation activation(const std::string& name) {
  return choice<ops::Activation>(
      name, {{"gelu", ops::Activation::gelu_erf}, {"gelu_new", ops::Activation::gelu_tanh}});
}

/// The section `model` of a file.
inline models::GptOptions gpt_options(const nlohmann::json& config, DType dtype) {
  models::GptOptions options;
  options.layers = config.at("layers");
  options.width = config.at("width");
  options.heads = config.at("heads");
  options.vocab_size = config.at("vocab_size");
  options.activation = activation(config.at("activation"));
  options.layer_norm_eps = config.at("layer_norm_eps");
  options.dropout = {0.0, 0.0, 0.0};
  options.dtype = dtype;
  return options;
}

inline models::TransferOptions transfer_options(const nlohmann::json& config) {
  models::TransferOptions options;
  options.starts = config.at("starts");
  options.indices = config.at("indices");
  options.per_head = config.at("per_head");
  options.logit_scale = config.at("logit_scale");
  options.beta = config.at("beta");
  options.metric = choice<models::TransferMetric>(
      config.at("metric"),
      {{"kl_div", models::TransferMetric::kl_div}, {"mse", models::TransferMetric::mse}});
  return options;
}

/// Compares `prefix + name` of the file with every parameter's gradient; every gradient of the file
/// must be one of a parameter.
inline void expect_gradients(const Golden& golden, const std::string& prefix,
                             const std::vector<nn::Parameter>& parameters, double bound) {
  std::size_t compared = 0;
  for (const nn::Parameter& parameter : parameters) {
    const std::string name = prefix + parameter.name;
    if (!golden.has(name)) continue;
    ASSERT_TRUE(parameter.value.grad().defined()) << parameter.name;
    // A gradient that is zero by theory is rounding noise on both sides: compare it with the bound
    // itself.
    const Tensor expected = golden.file.tensor(name);
    EXPECT_LE(relative_error(parameter.value.grad(), expected), bound) << name;
    ++compared;
  }
  std::size_t stored = 0;
  for (const auto& entry : golden.file.entries()) stored += entry.name.starts_with(prefix);
  EXPECT_EQ(compared, stored) << "gradients of the file that no parameter has";
  EXPECT_GT(compared, 0u);
}

}  // namespace seqpe::test

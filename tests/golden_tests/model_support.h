// Builds models from the metadata of a golden file and fills them with its parameters.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "engine/ops/elementwise.h"
#include "models/seqpe/losses.h"
#include "models/tasks/language_model.h"
#include "tests/golden_support.h"

namespace seqpe::test {

template <typename E>
E choice(const std::string& name, const std::map<std::string, E>& names) {
  return names.at(name);
}

inline models::ActivationName activation(const nlohmann::json& config) {
  return choice<models::ActivationName>(
      config.at("activation"),
      {{"gelu", models::ActivationName::gelu}, {"gelu_new", models::ActivationName::gelu_new}});
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
  options.activation = activation(config);
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
                                    {"single", models::QkProjection::single},
                                    {"per_layer", models::QkProjection::per_layer}});
  return options;
}

inline models::ContrastiveOptions contrastive_options(const nlohmann::json& config) {
  models::ContrastiveOptions options;
  options.pivots = config.at("pivots");
  options.candidates = config.at("candidates");
  options.per_head = config.at("per_head");
  options.logit_scale = config.at("logit_scale");
  return options;
}

inline models::TransferOptions transfer_options(const nlohmann::json& config) {
  models::TransferOptions options;
  options.starts = config.at("starts");
  options.indices = config.at("indices");
  options.metric = choice<models::TransferMetric>(
      config.at("metric"),
      {{"kl_div", models::TransferMetric::kl_div}, {"mse", models::TransferMetric::mse}});
  options.beta = config.at("beta");
  options.per_head = config.at("per_head");
  options.logit_scale = config.at("logit_scale");
  return options;
}

/// The contrastive loss of a file's section `contrastive`. Label smoothing e, which the loss does
/// not have, is 1 - e of the loss and e of its mean over all labels.
inline Tensor contrastive_loss(const nlohmann::json& config, const Tensor& pivots,
                               const Tensor& candidates, const Tensor& labels) {
  const models::ContrastiveOptions options = contrastive_options(config);
  const auto loss_at = [&](const Tensor& chosen) {
    return models::contrastive_loss(pivots, candidates, chosen, config.at("heads"),
                                    options.per_head, options.logit_scale);
  };
  const double smoothing = config.at("label_smoothing");
  if (smoothing == 0) return loss_at(labels);
  Tensor loss = ops::scale(loss_at(labels), 1 - smoothing);
  for (std::int64_t label = 0; label < options.candidates; ++label) {
    const Tensor same = Tensor::from(
        labels.shape(), std::vector<std::int64_t>(static_cast<std::size_t>(labels.numel()), label));
    loss = ops::add(loss,
                    ops::scale(loss_at(same), smoothing / static_cast<double>(options.candidates)));
  }
  return loss;
}

/// Encodings of the reference that this engine does not have yet.
inline bool is_missing(const nlohmann::json& config) {
  const std::string position = config.at("model").at("position");
  return position == "rotary" || position == "alibi" || position == "sinusoidal";
}

/// The configuration of a GPT's file, its section `train` apart.
inline models::Config model_config(const nlohmann::json& config) {
  const auto& model = config.at("model");
  models::Config out;
  out.model.layers = model.at("layers");
  out.model.width = model.at("width");
  out.model.heads = model.at("heads");
  out.model.activation = activation(model);
  out.model.layer_norm_eps = model.at("layer_norm_eps");
  out.model.dropout = {0.0, 0.0, 0.0};
  out.model.position = choice<models::PositionKind>(model.at("position"),
                                                    {{"seqpe", models::PositionKind::seqpe},
                                                     {"learned", models::PositionKind::learned},
                                                     {"none", models::PositionKind::none}});
  out.data.block_size = model.at("train_length");
  if (config.contains("seqpe")) out.seqpe = seqpe_options(config.at("seqpe"));
  if (config.contains("contrastive"))
    out.seqpe.contrastive = contrastive_options(config.at("contrastive"));
  if (config.contains("transfer")) out.seqpe.transfer = transfer_options(config.at("transfer"));
  return out;
}

/// A vocabulary's size: the goldens' tokens have no text.
class WordlessTokenizer final : public data::Tokenizer {
 public:
  explicit WordlessTokenizer(std::int64_t vocab_size) : vocab_size_(vocab_size) {}
  std::vector<std::int32_t> encode(std::string_view, bool) const override { return {}; }
  std::string_view bytes_of(std::int32_t) const override { return ""; }
  std::int64_t vocab_size() const override { return vocab_size_; }
  void save(const std::filesystem::path&) const override {}

 private:
  std::int64_t vocab_size_;
};

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

/// The model of a GPT's file with its parameters.
inline std::unique_ptr<models::LanguageModel> golden_model(const Golden& golden,
                                                           const models::Config& config,
                                                           const Where& where) {
  const auto& model = golden.config.at("model");
  auto out = std::make_unique<models::LanguageModel>(
      config, std::make_shared<WordlessTokenizer>(model.at("vocab_size")), where.dtype);
  if (out->seqpe() != nullptr) {
    EXPECT_EQ(out->seqpe()->encoder().out_dim(), golden.config.at("seqpe").at("out_dim"));
  }
  EXPECT_EQ(golden.config.at("loss").at("kind"), "cross_entropy");
  EXPECT_EQ(golden.config.at("loss").at("ignore_index"), ops::kIgnoreIndex);
  load_parameters(golden, out->parameters(), where.dtype);
  out->move_to(where.device);
  return out;
}

/// Compares every `prefix + name` of the file with the gradient of the parameter `name`.
inline void expect_gradients(const Golden& golden, const std::string& prefix,
                             const std::vector<nn::Parameter>& parameters, double bound) {
  std::map<std::string, Tensor> values;
  for (const nn::Parameter& parameter : parameters) values[parameter.name] = parameter.value;
  std::size_t compared = 0;
  for (const auto& entry : golden.file.entries()) {
    if (!entry.name.starts_with(prefix)) continue;
    const auto found = values.find(entry.name.substr(prefix.size()));
    ASSERT_NE(found, values.end()) << "no parameter has " << entry.name;
    ASSERT_TRUE(found->second.grad().defined()) << entry.name;
    EXPECT_LE(relative_error(found->second.grad(), golden.file.tensor(entry.name)), bound)
        << entry.name;
    ++compared;
  }
  EXPECT_GT(compared, 0u) << "no " << prefix << "* in the file";
}

}  // namespace seqpe::test

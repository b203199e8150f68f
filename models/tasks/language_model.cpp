#include "models/tasks/language_model.h"

#include "kernels/matmul.h"

namespace seqpe::models {
namespace {

GptOptions gpt_options(const Config& config, std::int64_t vocab_size, DType dtype) {
  const ModelConfig& model = config.model;
  return {.layers = model.layers,
          .width = model.width,
          .heads = model.heads,
          .vocab_size = vocab_size,
          .activation = activation_of(model.activation),
          .layer_norm_eps = model.layer_norm_eps,
          .dropout = model.dropout,
          .dtype = dtype};
}

/// No decay on the model's biases and layer norms, nor on the encoder's embeddings and layer norms.
bool decays(const std::string& name, bool encoder) {
  if (encoder)
    return name.find("embed") == std::string::npos && name.find("layernorm") == std::string::npos;
  return !name.ends_with(".bias") && name.find(".ln_") == std::string::npos;
}

}  // namespace

LanguageModel::LanguageModel(const Config& config, std::shared_ptr<const data::Tokenizer> tokenizer,
                             DType dtype)
    : config_(config), tokenizer_(std::move(tokenizer)) {
  const ModelConfig& model = config_.model;
  std::unique_ptr<PositionEncoding> position =
      make_position(model.position, {.layers = model.layers,
                                     .width = model.width,
                                     .heads = model.heads,
                                     .trained = {config_.data.block_size},
                                     .dtype = dtype,
                                     .rotary_base = model.rotary_base,
                                     .interpolate = model.interpolate,
                                     .seqpe = config_.seqpe});
  seqpe_ = dynamic_cast<SeqpePosition*>(position.get());
  if (seqpe_ != nullptr) config_.seqpe = seqpe_->options();
  gpt_ = std::make_unique<Gpt>(gpt_options(config_, tokenizer_->vocab_size(), dtype),
                               std::move(position));
}

std::vector<nn::Parameter> LanguageModel::parameters() const {
  std::vector<nn::Parameter> all = gpt_->parameters();
  for (nn::Parameter& parameter : all) parameter.decay = decays(parameter.name, false);
  if (seqpe_ == nullptr) return all;
  for (nn::Parameter parameter : seqpe_->encoder().parameters()) {
    parameter.group = "encoder";
    parameter.decay = decays(parameter.name, true);
    all.push_back(std::move(parameter));
  }
  return all;
}

void LanguageModel::initialize(std::uint64_t seed) const {
  gpt_->initialize(seed);
  if (seqpe_ != nullptr) seqpe_->encoder().initialize(seed);
}

void LanguageModel::move_to(Device device) const {
  gpt_->move_to(device);
  if (seqpe_ != nullptr) seqpe_->encoder().move_to(device);
}

Device LanguageModel::device() const {
  return gpt_->parameters()[0].value.device();
}

void LanguageModel::compute_as_trained() const {
  kernels::allow_tf32(config_.train.precision == train::Precision::tf32);
  const auto dtype = config_.train.compute_dtype();
  if (!dtype) return;
  for (const nn::Parameter& parameter : parameters())
    parameter.value.move_into(Tensor::empty(parameter.value.shape(), *dtype, device()));
}

}  // namespace seqpe::models

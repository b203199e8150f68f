#include "models/tasks/language_model.h"

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

}  // namespace

LanguageModel::LanguageModel(const Config& config, std::shared_ptr<const data::Tokenizer> tokenizer,
                             DType dtype)
    : TaskModel(config),
      tokenizer_(std::move(tokenizer)),
      gpt_(std::make_unique<Gpt>(gpt_options(config, tokenizer_->vocab_size(), dtype),
                                 make_position(dtype))) {}

bool LanguageModel::decays(const nn::Parameter& parameter) const {
  return !parameter.name.ends_with(".bias") && parameter.name.find(".ln_") == std::string::npos;
}

bool LanguageModel::encoder_decays(const nn::Parameter& parameter) const {
  return parameter.name.find("embed") == std::string::npos &&
         parameter.name.find("layernorm") == std::string::npos;
}

}  // namespace seqpe::models

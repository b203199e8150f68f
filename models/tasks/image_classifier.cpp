#include "models/tasks/image_classifier.h"

namespace seqpe::models {
namespace {

VitOptions vit_options(const Config& config, DType dtype) {
  const ModelConfig& model = config.model;
  require(model.classes >= 1, "[vit] model.classes must be known, got auto.");
  return {.layers = model.layers,
          .width = model.width,
          .heads = model.heads,
          .patch = model.patch,
          .classes = model.classes,
          .activation = activation_of(model.activation),
          .layer_norm_eps = model.layer_norm_eps,
          .dropout = {model.dropout.embedding, model.dropout.residual, model.dropout.attention},
          .drop_path = model.drop_path,
          .dtype = dtype};
}

}  // namespace

ImageClassifier::ImageClassifier(const Config& config, DType dtype)
    : TaskModel(config),
      vit_(std::make_unique<Vit>(vit_options(config, dtype), make_position(dtype))) {}

bool ImageClassifier::decays(const nn::Parameter& parameter) const {
  for (const char* name : {"cls_token", "cls_token_pos_embed", "pos_embed"}) {
    if (parameter.name == name) return false;
  }
  return parameter.value.rank() > 1;
}

bool ImageClassifier::encoder_decays(const nn::Parameter& parameter) const {
  return parameter.value.rank() > 1 && parameter.name.find("embed") == std::string::npos;
}

}  // namespace seqpe::models

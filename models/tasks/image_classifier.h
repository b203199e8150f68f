// An image classifier, built from a configuration.
#pragma once

#include <memory>

#include "models/tasks/task_model.h"
#include "models/vit/vit.h"

namespace seqpe::models {

class ImageClassifier final : public TaskModel {
 public:
  /// config.model.classes must be a number, not `auto`.
  explicit ImageClassifier(const Config& config, DType dtype = DType::f32);

  const nn::Module& body() const override { return *vit_; }
  const PositionEncoding& position() const override { return vit_->position(); }
  const Vit& vit() const { return *vit_; }

 private:
  /// No decay on vectors, biases, nor the class token and tables of positions, here and in the
  /// encoder (as the reference's image training).
  bool decays(const nn::Parameter& parameter) const override;
  bool encoder_decays(const nn::Parameter& parameter) const override;

  std::unique_ptr<Vit> vit_;
};

}  // namespace seqpe::models

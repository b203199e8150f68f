// Image classifiers that take milliseconds.
#pragma once

#include <string>
#include <vector>

#include "models/tasks/image_classifier.h"

namespace seqpe::test {

inline std::vector<std::string> tiny_image_settings(const std::vector<std::string>& more = {}) {
  std::vector<std::string> settings{"task=vit",
                                    "model.layers=2",
                                    "model.width=8",
                                    "model.heads=2",
                                    "model.image=16",
                                    "model.patch=4",
                                    "model.classes=8",
                                    "model.dropout.embedding=0",
                                    "model.dropout.residual=0",
                                    "model.dropout.attention=0",
                                    "seqpe.apply=attn_mul",
                                    "seqpe.qk_projection=per_layer",
                                    "seqpe.max_position=400",
                                    "seqpe.encoder.width=8",
                                    "seqpe.encoder.heads=2",
                                    "seqpe.encoder.layers=1",
                                    "seqpe.encoder.dropout.residual=0",
                                    "seqpe.shift.pool=20",
                                    "seqpe.shift.blocks=2",
                                    "seqpe.contrastive.pivots=2",
                                    "seqpe.contrastive.candidates=4",
                                    "seqpe.transfer.starts=2",
                                    "seqpe.transfer.indices=4",
                                    "train.batch_size=4",
                                    "data.path=builtin:shapes"};
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

/// With weights that are drawn from one seed.
inline models::ImageClassifier tiny_image_classifier(const std::vector<std::string>& more = {},
                                                     DType dtype = DType::f64) {
  models::ImageClassifier model(models::load_model_config({}, tiny_image_settings(more)), dtype);
  model.initialize(3);
  return model;
}

}  // namespace seqpe::test

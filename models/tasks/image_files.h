// An image classifier on disk: timm's parameter names, in our checkpoints.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "models/tasks/image_classifier.h"
#include "models/tasks/model_files.h"
#include "models/tasks/stored_model.h"

namespace seqpe::models {

/// Writes model.safetensors, model_1.safetensors, config.yaml and config.json (the section `model`,
/// and as `label_names` the names of the classes by number, timm's key for them).
void save_image_classifier(const ImageClassifier& model, const std::vector<std::string>& classes,
                           const std::filesystem::path& directory);

/// The first class that is not named and numbered as the one that the model in `directory` was
/// trained on, as "class 1 is 'b' in FILE and 'c' in the data"; empty where all are, or the model
/// has no names (config.json). Throws CheckpointError where that file is damaged.
std::string other_class(const std::vector<std::string>& classes,
                        const std::filesystem::path& directory);

/// Throws DataError with the other class, if there is one.
void check_same_classes(const std::vector<std::string>& classes,
                        const std::filesystem::path& directory);

/// Reads the weights of a checkpoint folder into a model of the same shape.
void load_weights(const ImageClassifier& model, const std::filesystem::path& directory);

/// A model as it was stored.
std::unique_ptr<ImageClassifier> open_image_classifier(const StoredModel& stored,
                                                       const std::vector<std::string>& overrides);

}  // namespace seqpe::models

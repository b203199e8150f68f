// A language model on disk: the reference's file and parameter names, in our checkpoints and in its
// own run folders.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/tasks/language_model.h"
#include "models/tasks/stored_model.h"

namespace seqpe::models {

/// Writes model.safetensors, model_1.safetensors, config.json, pe_config.json, config.yaml and the
/// tokeniser's files.
void save_language_model(const LanguageModel& model, const std::filesystem::path& directory);

/// Throws CheckpointError with the key that differs unless `directory` holds a checkpoint of this
/// very model: what computes its result, not how it is trained.
void check_same_model(const LanguageModel& model, const std::filesystem::path& directory);

/// Throws CheckpointError unless the tokeniser in `directory` is the model's, token by token: its
/// embeddings would stand for others.
void check_same_tokenizer(const LanguageModel& model, const std::filesystem::path& directory);

/// Reads the weights of a checkpoint folder into a model of the same shape.
void load_weights(const LanguageModel& model, const std::filesystem::path& directory);

/// A model as it was stored. `tokenizer` replaces its own; needed where its folder holds none.
std::unique_ptr<LanguageModel> open_language_model(const StoredModel& stored,
                                                   const std::optional<std::string>& tokenizer,
                                                   const std::vector<std::string>& overrides);

}  // namespace seqpe::models

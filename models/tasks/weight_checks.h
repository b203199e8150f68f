// What weight files must agree with before they are read into a model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "engine/io/safetensors.h"
#include "models/config/config.h"
#include "models/tasks/stored_model.h"

namespace seqpe::models {

/// A model's weight files, each read once for all checks and for its weights.
struct WeightFiles {
  io::SafetensorsFile model;
  std::optional<io::SafetensorsFile> encoder;  // of a model with SeqPE
};
WeightFiles open_weights(const Config& config, const std::filesystem::path& directory);

/// The logits are those of the token embedding: throws CheckpointError for a file with another
/// output head, which is of another model.
void check_tied_head(const io::SafetensorsFile& model_file);

/// The rows of the token embedding. Throws CheckpointError unless what the configuration says of
/// sizes is what the files hold, or a wrong number would ask for all memory before anything is
/// compared.
std::int64_t checked_vocab_size(const Config& config, const StoredModel& stored,
                                const WeightFiles& files);

/// Throws CheckpointError unless the files hold a ViT of the configuration's sizes, likewise.
void check_vit_sizes(const Config& config, const WeightFiles& files);

}  // namespace seqpe::models

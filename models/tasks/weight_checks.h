// What weight files must agree with before they are read into a model.
#pragma once

#include <cstdint>
#include <filesystem>

#include "models/config/config.h"
#include "models/tasks/stored_model.h"

namespace seqpe::models {

/// The logits are those of the token embedding: throws CheckpointError for a file with another
/// output head, which is of another model.
void check_tied_head(const std::filesystem::path& model_file);

/// The rows of the token embedding. Throws CheckpointError unless what the configuration says of
/// sizes is what the files hold, or a wrong number would ask for all memory before anything is
/// compared.
std::int64_t checked_vocab_size(const Config& config, const StoredModel& stored);

}  // namespace seqpe::models

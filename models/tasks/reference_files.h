// The configuration files of a run as the reference writes it: config.json (GPT-2), pe_config.json
// (YAML text in spite of its name), train_args.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "models/config/config.h"

namespace seqpe::models {

/// The content of config.json. `config` is a model's, as it was resolved.
std::string gpt2_config_text(const Config& config, std::int64_t vocab_size);

/// The content of pe_config.json.
std::string pe_config_text(const Config& config);

/// The configuration that a run folder of the reference describes. Throws CheckpointError with the
/// file and key where it is malformed, lacks a key that says what the model computes, holds values
/// that do not fit together, or is of a kind that this engine does not compute; keys that say
/// nothing about the model give one warning.
Config read_reference_config(const std::filesystem::path& run);

/// vocab_size of its config.json, where it tells one.
std::optional<std::int64_t> reference_vocab_size(const std::filesystem::path& run);

}  // namespace seqpe::models

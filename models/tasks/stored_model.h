// Where a model lies on disk: a checkpoint or run of this engine, or a run of the reference.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace seqpe::models {

inline constexpr const char* kModelFile = "model.safetensors";
inline constexpr const char* kEncoderFile = "model_1.safetensors";
inline constexpr const char* kConfigFile = "config.yaml";   // of this engine
inline constexpr const char* kCommandFile = "command.txt";  // of a run folder of this engine
/// Names of two parameters that are one.
inline constexpr const char* kEmbedding = "transformer.wte.weight";
inline constexpr const char* kHead = "lm_head.weight";

struct StoredModel {
  std::filesystem::path weights;        // the folder of the weight files
  std::filesystem::path reference_run;  // of config.json and pe_config.json; empty: ours
  std::string choice = {};              // of a run of ours: "best", "latest" or "newest complete"

  bool is_ours() const { return reference_run.empty(); }
};

/// Finds the model in a checkpoint folder, a run of ours (best, else latest checkpoint; with a
/// warning another one where that is not whole) or a run of the reference (best_model, step_N); the
/// files of a checkpoint that a training wrote are
/// verified, but for the optimiser's, which may be missing. Throws
/// CheckpointError where there is none.
StoredModel find_model(const std::filesystem::path& path);

/// The optimiser's updates that made it; nothing where no file tells.
std::optional<std::int64_t> step_of(const StoredModel& stored);

/// SHA-256 of the weight files, in name order.
std::string weights_sha256(const StoredModel& stored);

}  // namespace seqpe::models

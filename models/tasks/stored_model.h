// Where a model lies on disk: a checkpoint or run of this engine, or a run of the reference.
#pragma once

#include <filesystem>
#include <string>

namespace seqpe::models {

inline constexpr const char* kModelFile = "model.safetensors";
inline constexpr const char* kEncoderFile = "model_1.safetensors";
inline constexpr const char* kConfigFile = "config.yaml";  // of this engine
/// Names of two parameters that are one.
inline constexpr const char* kEmbedding = "transformer.wte.weight";
inline constexpr const char* kHead = "lm_head.weight";

struct StoredModel {
  std::filesystem::path weights;        // the folder of the weight files
  std::filesystem::path reference_run;  // of config.json and pe_config.json; empty: ours

  bool is_ours() const { return reference_run.empty(); }
};

/// Finds the model in a checkpoint folder, a run of ours (best, else latest checkpoint) or a run of
/// the reference (best_model, step_N); the files of a checkpoint that a training wrote are
/// verified, but for the optimiser's, which may be missing. Throws
/// CheckpointError where there is none.
StoredModel find_model(const std::filesystem::path& path);

/// SHA-256 of the weight files, in name order.
std::string weights_sha256(const StoredModel& stored);

}  // namespace seqpe::models

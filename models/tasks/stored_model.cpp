#include "models/tasks/stored_model.h"

#include "engine/io/sha256.h"
#include "engine/train/checkpoint.h"

namespace seqpe::models {

namespace fs = std::filesystem;

StoredModel find_model(const fs::path& path) {
  require<CheckpointError>(fs::is_directory(path), "[checkpoint] {} must be a folder.",
                           path.string());
  if (fs::is_directory(path / "checkpoints")) {
    auto found = train::linked_checkpoint(path, "best");
    if (!found || !train::is_complete(*found)) found = train::newest_checkpoint(path);
    require<CheckpointError>(
        found.has_value(), "[checkpoint] the run {} holds no complete checkpoint.", path.string());
    train::verify_checkpoint(*found, train::Needed::model);
    return {*found, {}};
  }
  if (train::is_of_training(path)) {
    train::verify_checkpoint(path, train::Needed::model);
    return {path, {}};
  }
  if (fs::exists(path / kConfigFile) && fs::exists(path / kModelFile)) return {path, {}};
  if (fs::exists(path / "best_model" / kModelFile)) return {path / "best_model", path};
  require<CheckpointError>(
      fs::exists(path / kModelFile),
      "[checkpoint] {} must be a checkpoint (with model.safetensors), a run folder, or a run of "
      "the reference (with best_model/).",
      path.string());
  return {path, fs::exists(path / "pe_config.json") ? path : fs::absolute(path).parent_path()};
}

std::string weights_sha256(const StoredModel& stored) {
  io::Sha256 hash;
  for (const char* name : {kModelFile, kEncoderFile}) {
    if (fs::exists(stored.weights / name)) hash.add_file<CheckpointError>(stored.weights / name);
  }
  return hash.digest();
}

}  // namespace seqpe::models

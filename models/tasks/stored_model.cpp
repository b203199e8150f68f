#include "models/tasks/stored_model.h"

#include <nlohmann/json.hpp>

#include "engine/core/warning.h"
#include "engine/io/file.h"
#include "engine/io/filesystem_errors.h"
#include "engine/io/sha256.h"
#include "engine/train/checkpoint.h"

namespace seqpe::models {

namespace fs = std::filesystem;

namespace {

StoredModel checkpoint_of(const fs::path& run) {
  const auto best = train::linked_checkpoint(run, "best"),
             latest = train::linked_checkpoint(run, "latest");
  if (best && train::is_complete(*best)) return {*best, {}, "best"};
  const auto newest = train::newest_checkpoint(run);
  require<CheckpointError>(newest.has_value(),
                           "[checkpoint] the run {} holds no complete checkpoint.", run.string());
  const auto& wanted = best ? best : latest;
  if (wanted == newest) return {*newest, {}, "latest"};
  if (wanted) {
    warn(fmt::format("[checkpoint] {} has no COMPLETE: it was not written to its end. {} is taken.",
                     wanted->string(), newest->filename().string()));
  }
  return {*newest, {}, "newest complete"};
}

StoredModel model_in(const fs::path& path) {
  require<CheckpointError>(fs::is_directory(path), "[checkpoint] {} must be a folder.",
                           path.string());
  if (fs::is_directory(path / "checkpoints")) {
    const StoredModel found = checkpoint_of(path);
    train::verify_checkpoint(found.weights, train::Needed::model);
    return found;
  }
  if (train::is_of_training(path)) {
    train::verify_checkpoint(path, train::Needed::model);
    return {path, {}};
  }
  if (fs::exists(path / kConfigFile) && fs::exists(path / kModelFile)) return {path, {}};
  if (fs::exists(path / "best_model" / kModelFile)) return {path / "best_model", path};
  const bool has_model = fs::exists(path / kModelFile);
  require<CheckpointError>(has_model || !fs::exists(path / kCommandFile),
                           "[checkpoint] the run {} has no checkpoint yet.", path.string());
  require<CheckpointError>(
      has_model,
      "[checkpoint] {} must be a checkpoint (with model.safetensors), a run folder, or a run of "
      "the reference (with best_model/).",
      path.string());
  return {path, fs::exists(path / "pe_config.json") ? path : fs::absolute(path).parent_path()};
}

}  // namespace

StoredModel find_model(const fs::path& path) {
  return io::with_filesystem_errors_as<CheckpointError>("checkpoint",
                                                        [&] { return model_in(path); });
}

std::optional<std::int64_t> step_of(const StoredModel& stored) {
  const fs::path path = stored.weights / train::kStateFile;
  if (!fs::exists(path)) return std::nullopt;
  const auto state = nlohmann::json::parse(io::read_text<CheckpointError>(path), nullptr, false);
  const auto step = state.is_object() ? state.value("step", nlohmann::json()) : nlohmann::json();
  require<CheckpointError>(step.is_number_integer(),
                           "[checkpoint] {} must hold a step, a whole number.", path.string());
  return step.get<std::int64_t>();
}

std::string weights_sha256(const StoredModel& stored) {
  io::Sha256 hash;
  for (const char* name : {kModelFile, kEncoderFile}) {
    if (fs::exists(stored.weights / name)) hash.add_file<CheckpointError>(stored.weights / name);
  }
  return hash.digest();
}

}  // namespace seqpe::models

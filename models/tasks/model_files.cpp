#include "models/tasks/model_files.h"

#include <fmt/ranges.h>

#include "engine/core/warning.h"
#include "engine/io/file.h"
#include "engine/io/safetensors.h"

namespace seqpe::models {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEncoderPrefix = "encoder.";

std::vector<std::pair<std::string, Tensor>> named(const std::vector<nn::Parameter>& parameters,
                                                  std::string_view prefix) {
  std::vector<std::pair<std::string, Tensor>> out;
  out.reserve(parameters.size());
  for (const auto& parameter : parameters)
    out.emplace_back(parameter.name.substr(prefix.size()), parameter.master());
  return out;
}

const char* name_of_task(TaskKind task) {
  return task == TaskKind::lm ? "lm" : "vit";
}

}  // namespace

void save_weights_and_config(const TaskModel& model, const fs::path& directory) {
  io::write_safetensors(directory / kModelFile, named(model.body().parameters(), ""),
                        {{"format", "pt"}});
  if (model.seqpe() != nullptr) {
    io::write_safetensors(directory / kEncoderFile,
                          named(model.seqpe()->encoder().parameters(), kEncoderPrefix),
                          {{"format", "pt"}});
  }
  Config config = model.config();
  io::write_file_atomic(directory / kConfigFile, config::dump(fields_of(config)));
}

void copy_weights(const WeightFiles& files, const TaskModel& model,
                  const std::vector<std::string>& left_out) {
  io::read_safetensors_into(named(model.body().parameters(), ""), files.model, left_out);
  if (!files.encoder) return;
  io::read_safetensors_into(named(model.seqpe()->encoder().parameters(), kEncoderPrefix),
                            *files.encoder);
}

void check_same_configuration(const TaskModel& model, const fs::path& directory) {
  const fs::path path = directory / kConfigFile;
  Config stored = load_model_config({path.string()}, {}), asked = model.config();
  const auto theirs = fields_of(stored), ours = fields_of(asked);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    require<CheckpointError>(
        !describes_model(ours[i].key, asked.model.position) || ours[i].get() == theirs[i].get(),
        "[checkpoint] {} is of another model: {} is {} there, {} was asked for. Hint: --config {} "
        "takes its configuration; a new run takes its weights by --init-from, where the shapes "
        "fit.",
        directory.string(), ours[i].key, theirs[i].get(), ours[i].get(),
        (directory / kConfigFile).string());
  }
}

void warn_of_other_data(const TaskModel& model, const fs::path& directory) {
  Config stored = load_model_config({(directory / kConfigFile).string()}, {}),
         asked = model.config();
  const auto theirs = fields_of(stored), ours = fields_of(asked);
  std::vector<std::string> changes;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (decides_data(ours[i].key) && ours[i].get() != theirs[i].get())
      changes.push_back(
          fmt::format("{} was {}, is {}", ours[i].key, theirs[i].get(), ours[i].get()));
  }
  if (!changes.empty()) {
    warn(
        fmt::format("[checkpoint] the steps to come see other data than those of an uninterrupted "
                    "run: {}.",
                    fmt::join(changes, "; ")));
  }
}

Config stored_config(const StoredModel& stored, TaskKind task,
                     const std::vector<std::string>& overrides) {
  const fs::path path = stored.weights / kConfigFile;
  require<CheckpointError>(stored.is_ours() && fs::exists(path),
                           "[checkpoint] {} must hold {}, a checkpoint of this engine.",
                           stored.weights.string(), kConfigFile);
  Config config = load_model_config({path.string()}, overrides);
  require<CheckpointError>(config.task == task, "[checkpoint] {} is a model of `{}`, not of `{}`.",
                           stored.weights.string(), name_of_task(config.task), name_of_task(task));
  return config;
}

}  // namespace seqpe::models

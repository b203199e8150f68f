// A language model on disk: the reference's file and parameter names, in our checkpoints and in its
// own run folders.
#include <algorithm>

#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "engine/train/checkpoint.h"
#include "models/tasks/language_model.h"
#include "models/tasks/reference_files.h"

namespace seqpe::models {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEncoderPrefix = "encoder.";
constexpr const char* kModelFile = "model.safetensors";
constexpr const char* kEncoderFile = "model_1.safetensors";
constexpr const char* kConfigFile = "config.yaml";

std::vector<std::pair<std::string, Tensor>> named(const std::vector<nn::Parameter>& parameters,
                                                  std::string_view prefix) {
  std::vector<std::pair<std::string, Tensor>> out;
  out.reserve(parameters.size());
  for (const auto& parameter : parameters)
    out.emplace_back(parameter.name.substr(prefix.size()), parameter.value);
  return out;
}

void read_into(const std::vector<std::pair<std::string, Tensor>>& parameters,
               const fs::path& path) {
  const auto file = io::SafetensorsFile::open(path);
  for (const auto& [name, tensor] : parameters) {
    const auto& entry = file.at(name);
    require<CheckpointError>(entry.shape == tensor.shape(),
                             "[checkpoint] {}: '{}' must have shape {}, has {}.", path.string(),
                             name, to_string(tensor.shape()), to_string(entry.shape));
    tensor.copy_from(file.tensor(name).to(tensor.dtype()));
  }
  for (const auto& entry : file.entries()) {
    const bool known =
        std::any_of(parameters.begin(), parameters.end(),
                    [&](const auto& parameter) { return parameter.first == entry.name; });
    require<CheckpointError>(
        known || entry.name == "lm_head.weight",
        "[checkpoint] {}: the model has no parameter '{}'. Hint: is it of another model?",
        path.string(), entry.name);
  }
}

struct Location {
  fs::path weights;  // the folder of the weight files
  fs::path run;      // the folder of config.json and pe_config.json, for a run of the reference
  bool ours = false;
};

Location locate(const fs::path& path) {
  require<CheckpointError>(fs::is_directory(path), "[checkpoint] {} must be a folder.",
                           path.string());
  if (fs::is_directory(path / "checkpoints")) {
    auto found = train::linked_checkpoint(path, "best");
    if (!found) found = train::linked_checkpoint(path, "latest");
    require<CheckpointError>(
        found.has_value(), "[checkpoint] the run {} holds no complete checkpoint.", path.string());
    return {*found, {}, true};
  }
  if (fs::exists(path / kConfigFile) && fs::exists(path / kModelFile)) return {path, {}, true};
  if (fs::exists(path / "best_model" / kModelFile)) return {path / "best_model", path, false};
  const fs::path parent = fs::absolute(path).parent_path();
  if (fs::exists(path / kModelFile))
    return {path, fs::exists(path / "pe_config.json") ? path : parent, false};
  throw CheckpointError(
      fmt::format("[checkpoint] {} must be a checkpoint (with model.safetensors), a run folder, or "
                  "a run of the "
                  "reference (with best_model/).",
                  path.string()));
}

}  // namespace

void save_language_model(const LanguageModel& model, const fs::path& directory) {
  io::write_safetensors(directory / kModelFile, named(model.gpt().parameters(), ""),
                        {{"format", "pt"}});
  if (model.seqpe() != nullptr) {
    io::write_safetensors(directory / kEncoderFile,
                          named(model.seqpe()->encoder().parameters(), kEncoderPrefix),
                          {{"format", "pt"}});
  }
  Config config = model.config();
  io::write_file_atomic(directory / "config.json",
                        gpt2_config_text(config, model.tokenizer().vocab_size()));
  io::write_file_atomic(directory / "pe_config.json", pe_config_text(config));
  io::write_file_atomic(directory / kConfigFile, config::dump(fields_of(config)));
  model.tokenizer().save(directory);
}

void check_same_model(const LanguageModel& model, const fs::path& directory) {
  const fs::path path = directory / kConfigFile;
  Config stored = load_config({path.string()}, {}), asked = model.config();
  const auto theirs = fields_of(stored), ours = fields_of(asked);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    require<CheckpointError>(
        !describes_model(ours[i].key, asked.model.position) || ours[i].get() == theirs[i].get(),
        "[checkpoint] {} is of another model: {} is {} there, {} was asked for. Hint: a new run "
        "takes its weights by --init-from, where the shapes fit.",
        directory.string(), ours[i].key, theirs[i].get(), ours[i].get());
  }
  const auto vocab_size = data::load_tokenizer(directory.string())->vocab_size();
  require<CheckpointError>(
      vocab_size == model.tokenizer().vocab_size(),
      "[checkpoint] {} is of another model: data.tokenizer has {} tokens there, {} were asked for.",
      directory.string(), vocab_size, model.tokenizer().vocab_size());
}

void load_weights(const LanguageModel& model, const fs::path& directory) {
  read_into(named(model.gpt().parameters(), ""), directory / kModelFile);
  if (model.seqpe() == nullptr) return;
  read_into(named(model.seqpe()->encoder().parameters(), kEncoderPrefix), directory / kEncoderFile);
}

fs::path find_weights(const fs::path& path) {
  const fs::path weights = locate(path).weights;
  if (train::is_complete(weights)) train::verify_checkpoint(weights);
  return weights;
}

std::string weights_sha256(const fs::path& path) {
  const fs::path weights = locate(path).weights;
  std::vector<std::byte> all;
  for (const char* name : {kModelFile, kEncoderFile}) {
    if (!fs::exists(weights / name)) continue;
    const auto bytes = io::read_file<CheckpointError>(weights / name);
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  return io::sha256(all.data(), all.size());
}

std::unique_ptr<LanguageModel> open_language_model(const fs::path& path,
                                                   const std::optional<std::string>& tokenizer,
                                                   const std::vector<std::string>& overrides) {
  const Location location = locate(path);
  Config config;
  if (location.ours) {
    if (train::is_complete(location.weights)) train::verify_checkpoint(location.weights);
    config = load_config({(location.weights / kConfigFile).string()}, overrides);
  } else {
    config = read_reference_config(location.run);
    auto fields = fields_of(config);
    for (const std::string& assignment : overrides) config::set(assignment, fields);
    validate(config);
  }
  std::shared_ptr<const data::Tokenizer> loaded =
      data::load_tokenizer(tokenizer.value_or(location.weights.string()));
  const auto weights = io::SafetensorsFile::open(location.weights / kModelFile);
  const auto& embedding = weights.at("transformer.wte.weight");
  require<DataError>(
      !embedding.shape.empty() && embedding.shape[0] == loaded->vocab_size(),
      "[checkpoint] the tokeniser must have the model's vocabulary of {} tokens, has {}.",
      embedding.shape.empty() ? 0 : embedding.shape[0], loaded->vocab_size());
  auto model = std::make_unique<LanguageModel>(config, std::move(loaded));
  load_weights(*model, location.weights);
  return model;
}

}  // namespace seqpe::models

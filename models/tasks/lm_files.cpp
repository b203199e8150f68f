#include "models/tasks/lm_files.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "engine/core/warning.h"
#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "engine/train/checkpoint.h"
#include "models/tasks/reference_files.h"

namespace seqpe::models {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEncoderPrefix = "encoder.";
constexpr const char* kModelFile = "model.safetensors";
constexpr const char* kEncoderFile = "model_1.safetensors";
constexpr const char* kConfigFile = "config.yaml";
constexpr const char* kHead = "lm_head.weight";
constexpr const char* kEmbedding = "transformer.wte.weight";

std::vector<std::pair<std::string, Tensor>> named(const std::vector<nn::Parameter>& parameters,
                                                  std::string_view prefix) {
  std::vector<std::pair<std::string, Tensor>> out;
  out.reserve(parameters.size());
  for (const auto& parameter : parameters)
    out.emplace_back(parameter.name.substr(prefix.size()), parameter.master());
  return out;
}

/// The logits are those of the token embedding: a file that says otherwise is of another model.
void check_tied(const fs::path& path) {
  const auto file = io::SafetensorsFile::open(path);
  if (!file.contains(kHead)) return;
  const auto &head = file.at(kHead), &embedding = file.at(kEmbedding);
  require<CheckpointError>(head.dtype == embedding.dtype && head.shape == embedding.shape &&
                               std::ranges::equal(head.data, embedding.data),
                           "[checkpoint] {}: '{}' must equal '{}' (the two are one parameter), it "
                           "differs.",
                           path.string(), kHead, kEmbedding);
}

void check_extent(const io::SafetensorsFile& file, const fs::path& path, const std::string& name,
                  std::size_t dimension, std::int64_t value, const char* key) {
  const Shape& shape = file.at(name).shape;
  require<CheckpointError>(
      dimension < shape.size() && shape[dimension] == value,
      "[checkpoint] {}: '{}' must have extent {} in dimension {} ({}), it is {}.", path.string(),
      name, value, dimension, key, to_string(shape));
}

void check_layers(const io::SafetensorsFile& file, const fs::path& path, const char* prefix,
                  const char* name, std::int64_t value, const char* key) {
  std::int64_t layers = 0;
  while (file.contains(fmt::format("{}.{}.{}", prefix, layers, name))) ++layers;
  require<CheckpointError>(layers == value,
                           "[checkpoint] {} must hold {} layers ({}), it holds {}.", path.string(),
                           value, key, layers);
}

/// What the configuration says of sizes must be what the files hold, or a wrong number would ask
/// for all memory before anything is compared.
void check_sizes(const Config& config, const io::SafetensorsFile& weights,
                 const fs::path& directory) {
  const fs::path model = directory / kModelFile, encoder = directory / kEncoderFile;
  check_extent(weights, model, kEmbedding, 1, config.model.width, "model.width");
  check_layers(weights, model, "transformer.h", "ln_1.weight", config.model.layers, "model.layers");
  if (config.model.position != PositionKind::seqpe) return;
  const auto file = io::SafetensorsFile::open(encoder);
  const SeqpeOptions& seqpe = config.seqpe;
  check_extent(file, encoder, "token_of_seqpe_embed.weight", 0, seqpe.base, "seqpe.base");
  check_extent(file, encoder, "token_of_seqpe_embed.weight", 1, seqpe.encoder.width,
               "seqpe.encoder.width");
  if (seqpe.max_digits > 0)
    check_extent(file, encoder, "pos_of_seqpe_embed.weight", 0, seqpe.max_digits,
                 "seqpe.max_digits");
  check_layers(file, encoder, "transformers", "layernorm_1.weight", seqpe.encoder.layers,
               "seqpe.encoder.layers");
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
    if (!found || !train::is_complete(*found)) found = train::newest_checkpoint(path);
    require<CheckpointError>(
        found.has_value(), "[checkpoint] the run {} holds no complete checkpoint.", path.string());
    return {*found, {}, true};
  }
  if (train::is_of_training(path)) {
    train::verify_checkpoint(path);
    return {path, {}, true};
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
  Config stored = load_model_config({path.string()}, {}), asked = model.config();
  const auto theirs = fields_of(stored), ours = fields_of(asked);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    require<CheckpointError>(
        !describes_model(ours[i].key, asked.model.position) || ours[i].get() == theirs[i].get(),
        "[checkpoint] {} is of another model: {} is {} there, {} was asked for. Hint: a new run "
        "takes its weights by --init-from, where the shapes fit.",
        directory.string(), ours[i].key, theirs[i].get(), ours[i].get());
  }
  const auto stored_tokenizer = data::load_tokenizer(directory.string());
  const std::int64_t vocab_size = stored_tokenizer->vocab_size();
  require<CheckpointError>(
      vocab_size == model.tokenizer().vocab_size(),
      "[checkpoint] {} is of another model: data.tokenizer has {} tokens there, {} were asked for.",
      directory.string(), vocab_size, model.tokenizer().vocab_size());
  for (std::int32_t id = 0; id < vocab_size; ++id) {
    require<CheckpointError>(
        stored_tokenizer->bytes_of(id) == model.tokenizer().bytes_of(id),
        "[checkpoint] {} is of another model: data.tokenizer has another token {} there.",
        directory.string(), id);
  }
}

void warn_of_other_data(const LanguageModel& model, const fs::path& directory) {
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

void load_weights(const LanguageModel& model, const fs::path& directory) {
  check_tied(directory / kModelFile);
  io::read_safetensors_into(named(model.gpt().parameters(), ""), directory / kModelFile, {kHead});
  if (model.seqpe() == nullptr) return;
  io::read_safetensors_into(named(model.seqpe()->encoder().parameters(), kEncoderPrefix),
                            directory / kEncoderFile);
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
    config = load_model_config({(location.weights / kConfigFile).string()}, overrides);
  } else {
    config = read_reference_config(location.run);
    auto fields = fields_of(config);
    for (const std::string& assignment : overrides) config::set(assignment, fields);
    validate_model(config);
  }
  require<DataError>(tokenizer || location.ours || fs::exists(location.weights / "vocab.json"),
                     "[checkpoint] {} holds no tokeniser. Hint: --tokenizer FOLDER with vocab.json "
                     "and merges.txt.",
                     location.weights.string());
  std::shared_ptr<const data::Tokenizer> loaded =
      data::load_tokenizer(tokenizer.value_or(location.weights.string()));
  const auto weights = io::SafetensorsFile::open(location.weights / kModelFile);
  check_sizes(config, weights, location.weights);
  const auto& embedding = weights.at(kEmbedding);
  require<DataError>(
      !embedding.shape.empty() && embedding.shape[0] == loaded->vocab_size(),
      "[checkpoint] the tokeniser must have the model's vocabulary of {} tokens, has {}.",
      embedding.shape.empty() ? 0 : embedding.shape[0], loaded->vocab_size());
  auto model = std::make_unique<LanguageModel>(config, std::move(loaded));
  load_weights(*model, location.weights);
  return model;
}

}  // namespace seqpe::models

#include "models/tasks/lm_files.h"

#include <fmt/ranges.h>

#include "engine/core/warning.h"
#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "models/tasks/reference_files.h"
#include "models/tasks/weight_checks.h"

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

void copy_weights(const WeightFiles& files, const LanguageModel& model) {
  check_tied_head(files.model);
  io::read_safetensors_into(named(model.gpt().parameters(), ""), files.model, {kHead});
  if (!files.encoder) return;
  io::read_safetensors_into(named(model.seqpe()->encoder().parameters(), kEncoderPrefix),
                            *files.encoder);
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
        "[checkpoint] {} is of another model: {} is {} there, {} was asked for. Hint: --config {} "
        "takes its configuration; a new run takes its weights by --init-from, where the shapes "
        "fit.",
        directory.string(), ours[i].key, theirs[i].get(), ours[i].get(),
        (directory / kConfigFile).string());
  }
  check_same_tokenizer(model, directory);
}

void check_same_tokenizer(const LanguageModel& model, const fs::path& directory) {
  const auto stored = data::load_tokenizer(directory.string());
  const std::int64_t vocab_size = stored->vocab_size();
  require<CheckpointError>(
      vocab_size == model.tokenizer().vocab_size(),
      "[checkpoint] {} is of another model: data.tokenizer has {} tokens there, {} were asked for.",
      directory.string(), vocab_size, model.tokenizer().vocab_size());
  for (std::int32_t id = 0; id < vocab_size; ++id) {
    require<CheckpointError>(
        stored->bytes_of(id) == model.tokenizer().bytes_of(id),
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
  copy_weights(open_weights(model.config(), directory), model);
}

std::unique_ptr<LanguageModel> open_language_model(const StoredModel& stored,
                                                   const std::optional<std::string>& tokenizer,
                                                   const std::vector<std::string>& overrides) {
  Config config;
  if (stored.is_ours()) {
    config = load_model_config({(stored.weights / kConfigFile).string()}, overrides);
  } else {
    config = read_reference_config(stored.reference_run);
    auto fields = fields_of(config);
    for (const std::string& assignment : overrides) config::set(assignment, fields);
    validate_model(config);
  }
  require<DataError>(tokenizer || data::holds_tokenizer(stored.weights),
                     "[checkpoint] {} holds no tokeniser. Hint: --tokenizer FOLDER with vocab.json "
                     "and merges.txt.",
                     stored.weights.string());
  std::shared_ptr<const data::Tokenizer> loaded =
      data::load_tokenizer(tokenizer.value_or(stored.weights.string()));
  const WeightFiles files = open_weights(config, stored.weights);
  const std::int64_t vocab_size = checked_vocab_size(config, stored, files);
  require<DataError>(
      vocab_size == loaded->vocab_size(),
      "[checkpoint] the tokeniser must have the model's vocabulary of {} tokens, has {}.",
      vocab_size, loaded->vocab_size());
  auto model = std::make_unique<LanguageModel>(config, std::move(loaded));
  copy_weights(files, *model);
  return model;
}

}  // namespace seqpe::models

#include "models/tasks/lm_files.h"

#include "engine/io/file.h"
#include "models/tasks/model_files.h"
#include "models/tasks/reference_files.h"
#include "models/tasks/weight_checks.h"

namespace seqpe::models {
namespace {

namespace fs = std::filesystem;

/// The head is the token embedding; a file may hold it twice.
void copy_language_model(const WeightFiles& files, const LanguageModel& model) {
  check_tied_head(files.model);
  copy_weights(files, model, {kHead});
}

}  // namespace

void save_language_model(const LanguageModel& model, const fs::path& directory) {
  save_weights_and_config(model, directory);
  const Config& config = model.config();
  io::write_file_atomic(directory / "config.json",
                        gpt2_config_text(config, model.tokenizer().vocab_size()));
  io::write_file_atomic(directory / "pe_config.json", pe_config_text(config));
  model.tokenizer().save(directory);
}

void check_same_model(const LanguageModel& model, const fs::path& directory) {
  check_same_configuration(model, directory);
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

void load_weights(const LanguageModel& model, const fs::path& directory) {
  copy_language_model(open_weights(model.config(), directory), model);
}

std::unique_ptr<LanguageModel> open_language_model(const StoredModel& stored,
                                                   const std::optional<std::string>& tokenizer,
                                                   const std::vector<std::string>& overrides) {
  Config config;
  if (stored.is_ours()) {
    config = stored_config(stored, TaskKind::lm, overrides);
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
  copy_language_model(files, *model);
  return model;
}

}  // namespace seqpe::models

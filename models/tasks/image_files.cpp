#include "models/tasks/image_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "engine/io/file.h"
#include "engine/io/json_error.h"
#include "models/tasks/class_names.h"

namespace seqpe::models {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kModelSection = "model.";
constexpr const char* kArchitectureFile = "config.json";
constexpr const char* kLabelNames = "label_names";

/// Names as JSON can hold them: bytes that are no UTF-8 are replaced.
std::vector<std::string> as_text(const std::vector<std::string>& names) {
  const std::string text =
      nlohmann::json(names).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return nlohmann::json::parse(text).get<std::vector<std::string>>();
}

}  // namespace

void save_image_classifier(const ImageClassifier& model, const std::vector<std::string>& classes,
                           const fs::path& directory) {
  save_weights_and_config(model, directory);
  Config config = model.config();
  nlohmann::ordered_json told;
  for (const config::Field& field : fields_of(config)) {
    if (!field.key.starts_with(kModelSection)) continue;
    std::string place = field.key.substr(kModelSection.size() - 1);
    std::replace(place.begin(), place.end(), '.', '/');
    const auto value = nlohmann::ordered_json::parse(field.get(), nullptr, false);
    told[nlohmann::ordered_json::json_pointer(place)] =
        value.is_discarded() ? nlohmann::ordered_json(field.get()) : value;
  }
  told[kLabelNames] = as_text(classes);
  io::write_file_atomic(directory / kArchitectureFile, told.dump(1) + "\n");
}

std::string other_class(const std::vector<std::string>& classes, const fs::path& directory) {
  const fs::path path = directory / kArchitectureFile;
  if (!fs::exists(path)) return "";
  std::vector<std::string> trained;
  try {
    const auto told = nlohmann::json::parse(io::read_text<CheckpointError>(path));
    if (!told.contains(kLabelNames)) return "";
    trained = told.at(kLabelNames).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& error) {
    throw CheckpointError(fmt::format("[checkpoint] {}: {}.", path.string(), io::reason_of(error)));
  }
  const std::vector<std::string> names = as_text(classes);
  return other_class({trained, path.string()}, {names, "the data"});
}

void check_same_classes(const std::vector<std::string>& classes, const fs::path& directory) {
  const std::string other = other_class(classes, directory);
  require<DataError>(other.empty(),
                     "[data] the images must have the classes of the model, by their names: {}.",
                     other);
}

void load_weights(const ImageClassifier& model, const fs::path& directory) {
  const WeightFiles files = open_weights(model.config(), directory);
  check_vit_sizes(model.config(), files);
  copy_weights(files, model);
}

std::unique_ptr<ImageClassifier> open_image_classifier(const StoredModel& stored,
                                                       const std::vector<std::string>& overrides) {
  const Config config = stored_config(stored, TaskKind::vit, overrides);
  const WeightFiles files = open_weights(config, stored.weights);
  check_vit_sizes(config, files);
  auto model = std::make_unique<ImageClassifier>(config);
  copy_weights(files, *model);
  return model;
}

}  // namespace seqpe::models

#include "models/tasks/image_files.h"

#include <nlohmann/json.hpp>

#include "engine/io/file.h"

namespace seqpe::models {

namespace fs = std::filesystem;

void save_image_classifier(const ImageClassifier& model, const fs::path& directory) {
  save_weights_and_config(model, directory);
  const ModelConfig& config = model.config().model;
  const nlohmann::ordered_json told = {
      {"layers", config.layers},
      {"width", config.width},
      {"heads", config.heads},
      {"image", config.image},
      {"patch", config.patch},
      {"classes", config.classes},
      {"activation", config.activation == ActivationName::gelu ? "gelu" : "gelu_new"},
      {"layer_norm_eps", config.layer_norm_eps},
      {"drop_path", config.drop_path},
      {"position", config.position}};
  io::write_file_atomic(directory / "config.json", told.dump(1) + "\n");
}

void check_same_model(const ImageClassifier& model, const fs::path& directory) {
  check_same_configuration(model, directory);
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

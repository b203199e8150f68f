#include "models/config/config.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "engine/io/file.h"
#include "engine/io/filesystem_errors.h"
#include "models/recipes/recipes.h"

namespace seqpe::models {
namespace {

using config::Field;

// Of `seqpe`, what only training looks at.
constexpr const char* kTrainingSections[] = {"seqpe.shift.", "seqpe.contrastive.",
                                             "seqpe.transfer.", "seqpe.loss_warmup_steps",
                                             "seqpe.max_position"};

/// A file, seen from the working folder or from the including file; else a recipe.
std::optional<config::Source> resolve(const std::string& name, const std::string& from) {
  namespace fs = std::filesystem;
  const fs::path beside = fs::path(from).parent_path() / name;
  for (const fs::path& path : {fs::path(name), beside}) {
    if (io::with_filesystem_errors_as<ConfigError>("config",
                                                   [&] { return fs::is_regular_file(path); }))
      return config::Source{path.string(), io::read_text<ConfigError>(path)};
  }
  if (const auto recipe = find_recipe(name)) return config::Source{name, std::string(*recipe)};
  return std::nullopt;
}

}  // namespace

Config load_model_config(const std::vector<std::string>& names,
                         const std::vector<std::string>& overrides) {
  Config config;
  std::vector<Field> fields = fields_of(config);
  for (const std::string& name : names) {
    const auto source = resolve(name, "");
    require<ConfigError>(source.has_value(), "[config] there is no file or recipe '{}'.{}", name,
                         config::did_you_mean(name, recipe_names()));
    config::load(*source, fields, resolve);
  }
  for (const std::string& assignment : overrides) config::set(assignment, fields);
  config.seqpe.dimensions = config.task == TaskKind::vit ? 2 : 1;
  validate_model(config);
  return config;
}

Config load_config(const std::vector<std::string>& names,
                   const std::vector<std::string>& overrides) {
  Config config = load_model_config(names, overrides);
  validate_training(config);
  return config;
}

bool describes_model(const std::string& key, const std::string& position) {
  if (key.find(".dropout.") != std::string::npos || key == "model.drop_path") return false;
  if (key == "task") return true;
  const auto begins = [&](const std::string& prefix) { return key.starts_with(prefix); };
  const bool of_position = std::ranges::any_of(position_kind(position).keys, begins);
  if (begins("model.") && !begins("model.rotary.") && !begins("model.interpolate")) return true;
  return of_position &&
         std::none_of(std::begin(kTrainingSections), std::end(kTrainingSections), begins);
}

bool decides_data(const std::string& key) {
  static const std::set<std::string> keys{
      "train.batch_size", "data.path",   "data.block_size",       "data.reader",
      "data.blank_lines", "data.shards", "data.reference_blocks", "data.bad_image"};
  return keys.contains(key);
}

std::vector<std::int64_t> evaluation_lengths(const Config& config) {
  if (!config.eval.lengths.empty()) return config.eval.lengths;
  return {config.data.block_size};
}

std::vector<data::EvaluationSize> evaluation_sizes(const Config& config) {
  if (config.eval.sizes.empty()) return {data::square_size(config.model.image)};
  std::vector<data::EvaluationSize> sizes;
  for (const std::string& text : config.eval.sizes) sizes.push_back(image_size_of(text).value());
  return sizes;
}

Extent trained_extent(const Config& config) {
  if (config.task == TaskKind::lm) return {config.data.block_size};
  const std::int64_t side = config.model.image / config.model.patch;
  return {side, side};
}

std::vector<Config> rivals_of(const Config& config) {
  std::vector<Config> rivals;
  for (const std::string& name : config.compare) {
    Config rival = config;
    rival.compare.clear();
    rival.model.position = name;
    rivals.push_back(std::move(rival));
  }
  return rivals;
}

}  // namespace seqpe::models

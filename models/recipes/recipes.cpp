#include "models/recipes/recipes.h"

#include "engine/io/file.h"
#include "models/recipes/embedded.h"

namespace seqpe::models {
namespace {

constexpr std::string_view kRecipeSuffix = ".yaml";
constexpr std::string_view kBuiltin = "builtin:";

std::optional<std::string_view> find_file(std::string_view name) {
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.name == name) return file.content;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> find_recipe(const std::string& name) {
  return find_file(name + std::string(kRecipeSuffix));
}

std::vector<std::string> recipe_names() {
  std::vector<std::string> names;
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.name.ends_with(kRecipeSuffix)) {
      names.emplace_back(file.name.substr(0, file.name.size() - kRecipeSuffix.size()));
    }
  }
  return names;
}

std::string read_data(const std::string& path) {
  std::string text;
  if (path.starts_with(kBuiltin)) {
    const auto found = find_file(path.substr(kBuiltin.size()));
    require<DataError>(found.has_value(), "[data] there is no embedded text '{}'.", path);
    text = *found;
  } else {
    text = io::read_text<DataError>(path);
  }
  require<DataError>(!text.empty(), "[data] {} must hold text, it is empty.", path);
  return text;
}

}  // namespace seqpe::models

// What is embedded in the command: the recipes, and the quick start's text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace seqpe::models {

/// The YAML of a recipe by name ("quickstart_lm").
std::optional<std::string_view> find_recipe(const std::string& name);
std::vector<std::string> recipe_names();

/// The content of data.path: an embedded text for "builtin:NAME", else the file. Throws DataError.
std::string read_data(const std::string& path);

}  // namespace seqpe::models

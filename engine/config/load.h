// Reading YAML into fields.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/config/field.h"

namespace seqpe::config {

/// A configuration text with the name that error messages show.
struct Source {
  std::string name;
  std::string text;
};

/// Finds what `include:` or --config names: a file (seen from `from`, the including file) or a
/// recipe.
using Resolver =
    std::function<std::optional<Source>(const std::string& name, const std::string& from)>;

/// Sets the fields that `source` names, after those of the files it includes. Throws ConfigError
/// with file, line and the nearest key for an unknown key, a wrong type or value, a duplicate key.
void load(const Source& source, std::vector<Field>& fields, const Resolver& resolver);

/// The YAML of `source`. Throws ConfigError with file and line where it is malformed, too large or
/// nested too deeply.
YAML::Node parse(const Source& source);

/// "a.b=c": sets one field; c is YAML. Errors name `where` it stands.
void set(const std::string& assignment, std::vector<Field>& fields,
         const std::string& where = "--set");

/// The fields as YAML that load() reads back to the same values.
std::string dump(const std::vector<Field>& fields);

/// " Did you mean 'x'?" with the candidate that takes the fewest edits to reach; empty where all
/// are too far away to have been meant.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace seqpe::config

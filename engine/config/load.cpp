#include "engine/config/load.h"

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "kernels/common/error.h"

namespace seqpe::config {
namespace {

constexpr std::size_t kMaxBytes = 1 << 20;
constexpr int kMaxIncludes = 16;

std::string place(const std::string& file, const YAML::Node& node) {
  return node.Mark().is_null() ? file : fmt::format("{}:{}", file, node.Mark().line + 1);
}

std::vector<std::string> keys_of(const std::vector<Field>& fields) {
  std::vector<std::string> keys;
  keys.reserve(fields.size());
  for (const Field& field : fields) keys.push_back(field.key);
  return keys;
}

std::string shown(const YAML::Node& node) {
  YAML::Emitter out;
  out << YAML::Flow << node;
  const std::string text = out.c_str();
  return node.IsScalar() ? "\"" + node.Scalar() + "\"" : text;
}

bool is_section(const std::string& key, const std::vector<Field>& fields) {
  return std::any_of(fields.begin(), fields.end(),
                     [&](const Field& field) { return field.key.starts_with(key + "."); });
}

void assign(const YAML::Node& value, const std::string& key, std::vector<Field>& fields,
            const std::string& where) {
  for (Field& field : fields) {
    if (field.key != key) continue;
    require<ConfigError>(field.set(value), "[config] {}: expected {}, got {} ({}).", key,
                         field.type, shown(value), where);
    return;
  }
  require<ConfigError>(!is_section(key, fields),
                       "[config] '{}' is a section ({}): one of its keys must be set.", key, where);
  std::vector<std::string> known = keys_of(fields);
  for (std::size_t i = 0, keys = known.size(); i < keys; ++i) {
    for (auto dot = known[i].find('.'); dot != std::string::npos; dot = known[i].find('.', dot + 1))
      known.push_back(known[i].substr(0, dot));  // a section
  }
  std::string suggestion = did_you_mean(key, known);
  if (suggestion.empty()) suggestion = " Hint: `seqpe_engine config keys` lists all.";
  throw ConfigError(fmt::format("[config] unknown key '{}' ({}).{}", key, where, suggestion));
}

/// `seen` holds the full keys, so that `a.b: 1` beside `a: {b: 2}` is a repetition, too.
void walk(const YAML::Node& node, const std::string& prefix, std::vector<Field>& fields,
          const std::string& file, std::set<std::string>& seen) {
  for (const auto& item : node) {
    const std::string name = item.first.IsScalar() ? item.first.Scalar() : "?";
    const std::string key = prefix.empty() ? name : fmt::format("{}.{}", prefix, name);
    const std::string where = place(file, item.first);
    require<ConfigError>(seen.insert(key).second, "[config] {}: the key '{}' occurs twice.", where,
                         key);
    if (prefix.empty() && (name == "include" || name == "format_version")) continue;
    if (!is_section(key, fields)) {
      assign(item.second, key, fields, where);
    } else {
      require<ConfigError>(item.second.IsMap(),
                           "[config] {}: expected a section of keys, got {} ({}).", key,
                           shown(item.second), where);
      walk(item.second, key, fields, file, seen);
    }
  }
}

void load_nested(const Source& source, std::vector<Field>& fields, const Resolver& resolver,
                 int depth) {
  require<ConfigError>(depth < kMaxIncludes,
                       "[config] {}: includes are nested deeper than {} (a circle?).", source.name,
                       kMaxIncludes);
  const YAML::Node root = parse(source);
  if (root.IsNull()) return;
  require<ConfigError>(root.IsMap(), "[config] {}: must be a map of sections, got {}.", source.name,
                       root.IsScalar() ? shown(root) : "a list");
  if (const YAML::Node include = root["include"]) {
    require<ConfigError>(include.IsScalar(), "[config] include: expected a name, got {} ({}).",
                         shown(include), place(source.name, include));
    const auto included = resolver(include.Scalar(), source.name);
    require<ConfigError>(included.has_value(),
                         "[config] include: there is no file or recipe '{}' ({}).",
                         include.Scalar(), place(source.name, include));
    load_nested(*included, fields, resolver, depth + 1);
  }
  if (const YAML::Node version = root["format_version"]) {
    require<ConfigError>(
        version.IsScalar() && version.Scalar() == "1",
        "[config] {}: format_version must be 1, got {}. Hint: a newer seqpe_engine wrote it.",
        source.name, shown(version));
  }
  std::set<std::string> seen;
  walk(root, "", fields, source.name, seen);
}

}  // namespace

YAML::Node parse(const Source& source) {
  require<ConfigError>(source.text.size() <= kMaxBytes,
                       "[config] {}: must be at most {} bytes, has {}.", source.name, kMaxBytes,
                       source.text.size());
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(source.text);
    require<ConfigError>(documents.size() <= 1, "[config] {}: must be one document, has {}.",
                         source.name, documents.size());
    return documents.empty() ? YAML::Node() : documents[0];
  } catch (const YAML::DeepRecursion& error) {
    throw ConfigError(fmt::format("[config] {}:{}: nested deeper than {} levels.", source.name,
                                  error.mark.line + 1, error.depth() - 1));
  } catch (const YAML::ParserException& error) {
    throw ConfigError(
        fmt::format("[config] {}:{}: {}.", source.name, error.mark.line + 1, error.msg));
  }
}

void load(const Source& source, std::vector<Field>& fields, const Resolver& resolver) {
  load_nested(source, fields, resolver, 0);
}

void set(const std::string& assignment, std::vector<Field>& fields, const std::string& where) {
  const std::size_t equals = assignment.find('=');
  require<ConfigError>(equals != std::string::npos && equals > 0,
                       "[config] --set must be KEY=VALUE, got '{}'.", assignment);
  const std::string value = assignment.substr(equals + 1);
  // YAML would read nothing as null; whoever writes `--set data.valid_path=` means the empty text.
  assign(value.empty() ? YAML::Node(value) : parse({where, value}), assignment.substr(0, equals),
         fields, where);
}

std::string dump(const std::vector<Field>& fields) {
  std::string out = "format_version: 1\n";
  std::vector<std::string> open;  // the sections that the last line stands in
  for (const Field& field : fields) {
    std::vector<std::string> path;
    for (std::size_t begin = 0, dot; begin <= field.key.size(); begin = dot + 1) {
      dot = std::min(field.key.find('.', begin), field.key.size());
      path.push_back(field.key.substr(begin, dot - begin));
    }
    std::size_t same = 0;
    while (same < open.size() && same + 1 < path.size() && open[same] == path[same]) ++same;
    open.resize(same);
    for (; same + 1 < path.size(); ++same) {
      out += std::string(2 * same, ' ') + path[same] + ":\n";
      open.push_back(path[same]);
    }
    out += std::string(2 * same, ' ') + path.back() + ": " + field.get() + "\n";
  }
  return out;
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates) {
  const auto distance = [&](const std::string& other) {
    std::vector<std::size_t> row(other.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= other.size(); ++j) {
        const std::size_t substituted = diagonal + (word[i - 1] == other[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
      }
    }
    return row.back();
  };
  std::string best;
  std::size_t best_distance = word.size() / 2 + 2;  // what is farther away was not meant
  for (const std::string& candidate : candidates) {
    const std::size_t d = distance(candidate);
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return best.empty() ? "" : fmt::format(" Did you mean '{}'?", best);
}

}  // namespace seqpe::config

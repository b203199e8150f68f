#include "engine/config/field.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace seqpe::config {
namespace {

template <typename T>
std::optional<T> parse(const YAML::Node& node) {
  if (!node.IsScalar()) return std::nullopt;
  const std::string& word = node.Scalar();
  T value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(value)) return std::nullopt;
  }
  return value;
}

/// As short as possible, and equal when read again.
std::string shortest(double value) {
  return fmt::format("{}", value);
}

std::string quoted(const std::string& value) {
  YAML::Emitter out;
  out << YAML::DoubleQuoted << value;
  return out.c_str();
}

template <typename T>
bool set_list(const YAML::Node& node, std::vector<T>& target, std::size_t count) {
  if (!node.IsSequence() || (count != 0 && node.size() != count)) return false;
  std::vector<T> values;
  for (const YAML::Node& item : node) {
    const auto value = parse<T>(item);
    if (!value) return false;
    values.push_back(*value);
  }
  target = std::move(values);
  return true;
}

}  // namespace

Field integer(std::string key, std::int64_t& target, std::string doc, std::int64_t minimum,
              std::int64_t maximum) {
  const bool bounded = maximum != std::numeric_limits<std::int64_t>::max();
  const std::string type = bounded ? fmt::format("integer from {} to {}", minimum, maximum)
                                   : fmt::format("integer >= {}", minimum);
  return {std::move(key), type, std::move(doc),
          [&target, minimum, maximum](const YAML::Node& node) {
            const auto value = parse<std::int64_t>(node);
            if (!value || *value < minimum || *value > maximum) return false;
            target = *value;
            return true;
          },
          [&target] { return std::to_string(target); }};
}

Field number(std::string key, double& target, std::string doc, double minimum, double maximum) {
  const std::string type = std::isfinite(maximum)
                               ? fmt::format("number from {} to {}", minimum, maximum)
                               : fmt::format("number >= {}", minimum);
  return {std::move(key), type, std::move(doc),
          [&target, minimum, maximum](const YAML::Node& node) {
            const auto value = parse<double>(node);
            if (!value || *value < minimum || *value > maximum) return false;
            target = *value;
            return true;
          },
          [&target] { return shortest(target); }};
}

Field boolean(std::string key, bool& target, std::string doc) {
  return {std::move(key), "true or false", std::move(doc),
          [&target](const YAML::Node& node) {
            if (!node.IsScalar() || (node.Scalar() != "true" && node.Scalar() != "false"))
              return false;
            target = node.Scalar() == "true";
            return true;
          },
          [&target] { return std::string(target ? "true" : "false"); }};
}

Field text(std::string key, std::string& target, std::string doc) {
  return {std::move(key), "text", std::move(doc),
          [&target](const YAML::Node& node) {
            if (!node.IsScalar()) return false;
            target = node.Scalar();
            return true;
          },
          [&target] { return quoted(target); }};
}

Field integers(std::string key, std::vector<std::int64_t>& target, std::string doc) {
  return {std::move(key), "list of integers", std::move(doc),
          [&target](const YAML::Node& node) { return set_list(node, target, 0); },
          [&target] { return fmt::format("[{}]", fmt::join(target, ", ")); }};
}

Field numbers(std::string key, std::vector<double>& target, std::size_t count, std::string doc) {
  return {std::move(key), fmt::format("list of {} numbers", count), std::move(doc),
          [&target, count](const YAML::Node& node) { return set_list(node, target, count); },
          [&target] { return fmt::format("[{}]", fmt::join(target, ", ")); }};
}

Field names(std::string key, std::vector<std::string>& target, std::vector<std::string> allowed,
            std::string doc) {
  return {std::move(key), fmt::format("list of {}", fmt::join(allowed, ", ")), std::move(doc),
          [&target, allowed](const YAML::Node& node) {
            if (!node.IsSequence()) return false;
            std::vector<std::string> values;
            for (const YAML::Node& item : node) {
              if (!item.IsScalar() ||
                  std::find(allowed.begin(), allowed.end(), item.Scalar()) == allowed.end()) {
                return false;
              }
              values.push_back(item.Scalar());
            }
            target = std::move(values);
            return true;
          },
          [&target] { return fmt::format("[{}]", fmt::join(target, ", ")); }};
}

Field texts(std::string key, std::vector<std::string>& target, std::string type, std::string doc,
            std::function<bool(const std::string&)> valid) {
  return {std::move(key), std::move(type), std::move(doc),
          [&target, valid = std::move(valid)](const YAML::Node& node) {
            if (!node.IsSequence()) return false;
            std::vector<std::string> values;
            for (const auto& item : node) {
              if (!item.IsScalar() || !valid(item.Scalar())) return false;
              values.push_back(item.Scalar());
            }
            target = std::move(values);
            return true;
          },
          [&target] { return fmt::format("[{}]", fmt::join(target, ", ")); }};
}

Field integer_or_auto(std::string key, std::int64_t& target, std::string doc) {
  return {std::move(key), "integer >= 1 or auto", std::move(doc),
          [&target](const YAML::Node& node) {
            const auto value = parse<std::int64_t>(node);
            const bool automatic = node.IsScalar() && node.Scalar() == "auto";
            if (!automatic && (!value || *value < 1)) return false;
            target = automatic ? 0 : *value;
            return true;
          },
          [&target] { return target == 0 ? std::string("auto") : std::to_string(target); }};
}

Field number_or_auto(std::string key, double& target, std::string doc) {
  return {std::move(key), "number >= 0 or auto", std::move(doc),
          [&target](const YAML::Node& node) {
            const auto value = parse<double>(node);
            const bool automatic = node.IsScalar() && node.Scalar() == "auto";
            if (!automatic && (!value || *value < 0)) return false;
            target = automatic ? -1.0 : *value;
            return true;
          },
          [&target] { return target < 0 ? std::string("auto") : shortest(target); }};
}

Field choice(std::string key, std::vector<std::string> words, std::string doc,
             std::function<std::size_t()> index, std::function<void(std::size_t)> choose) {
  const std::string type = fmt::format("one of {}", fmt::join(words, ", "));
  return {std::move(key), type, std::move(doc),
          [words, choose = std::move(choose)](const YAML::Node& node) {
            if (!node.IsScalar()) return false;
            const auto found = std::find(words.begin(), words.end(), node.Scalar());
            if (found == words.end()) return false;
            choose(static_cast<std::size_t>(found - words.begin()));
            return true;
          },
          [words, index = std::move(index)] { return words[index()]; }};
}

Field word(std::string key, std::string& target, const std::vector<std::string>& words,
           std::string doc) {
  return choice(
      std::move(key), words, std::move(doc),
      [&target, words] {
        return static_cast<std::size_t>(std::find(words.begin(), words.end(), target) -
                                        words.begin());
      },
      [&target, words](std::size_t i) { target = words[i]; });
}

}  // namespace seqpe::config

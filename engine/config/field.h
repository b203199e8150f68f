// One configuration key: bound to a variable, with its type, default and meaning. A list of fields
// is the schema: from it come the checks, the resolved dump and the list of keys.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace YAML {
class Node;
}

namespace seqpe::config {

struct Field {
  std::string key;   // "train.steps"
  std::string type;  // "integer >= 1", "one of causal, bidirectional"
  std::string doc;
  /// Takes a YAML value; false if it is not of the type.
  std::function<bool(const YAML::Node&)> set;
  /// The current value as YAML.
  std::function<std::string()> get;
};

Field integer(std::string key, std::int64_t& target, std::string doc, std::int64_t minimum = 0,
              std::int64_t maximum = std::numeric_limits<std::int64_t>::max());
Field number(std::string key, double& target, std::string doc, double minimum = 0.0,
             double maximum = std::numeric_limits<double>::infinity());
Field boolean(std::string key, bool& target, std::string doc);
Field text(std::string key, std::string& target, std::string doc);
Field integers(std::string key, std::vector<std::int64_t>& target, std::string doc);
Field numbers(std::string key, std::vector<double>& target, std::size_t count, std::string doc);
Field names(std::string key, std::vector<std::string>& target, std::vector<std::string> allowed,
            std::string doc);
/// A list of texts (numbers too) that `valid` takes; `type` describes it.
Field texts(std::string key, std::vector<std::string>& target, std::string type, std::string doc,
            std::function<bool(const std::string&)> valid);
/// An integer, or the word `auto`, which is stored as 0.
Field integer_or_auto(std::string key, std::int64_t& target, std::string doc);
/// A number, or the word `auto`, which is stored as a negative value.
Field number_or_auto(std::string key, double& target, std::string doc);
/// One of several words; `index` and `choose` translate between the word's place and the variable.
Field choice(std::string key, std::vector<std::string> words, std::string doc,
             std::function<std::size_t()> index, std::function<void(std::size_t)> choose);

/// A choice bound to a text.
Field word(std::string key, std::string& target, const std::vector<std::string>& words,
           std::string doc);

/// A choice bound to an enum whose values 0, 1, ... stand for the words in order.
template <typename E>
Field enumeration(std::string key, E& target, std::vector<std::string> words, std::string doc) {
  return choice(
      std::move(key), std::move(words), std::move(doc),
      [&target] { return static_cast<std::size_t>(target); },
      [&target](std::size_t i) { target = static_cast<E>(i); });
}

}  // namespace seqpe::config

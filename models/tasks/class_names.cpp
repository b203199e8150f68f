#include "models/tasks/class_names.h"

#include <fmt/format.h>

#include <algorithm>

namespace seqpe::models {

std::string other_class(const ClassNames& expected, const ClassNames& found) {
  const auto [theirs, ours] = std::mismatch(expected.names.begin(), expected.names.end(),
                                            found.names.begin(), found.names.end());
  if (theirs == expected.names.end() && ours == found.names.end()) return "";
  const auto name = [](const std::vector<std::string>& all, auto at) {
    return at == all.end() ? "none" : "'" + *at + "'";
  };
  return fmt::format("class {} is {} in {} and {} in {}", theirs - expected.names.begin(),
                     name(expected.names, theirs), expected.place, name(found.names, ours),
                     found.place);
}

}  // namespace seqpe::models

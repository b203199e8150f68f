// Classes of images by their names, as two places have them.
#pragma once

#include <string>
#include <vector>

namespace seqpe::models {

/// Names of classes, by number, and who has them: "the data".
struct ClassNames {
  const std::vector<std::string>& names;
  std::string place;
};

/// The first class that two places name or number otherwise, as "class 1 is 'b' in the model and
/// none in the data"; empty where there is none.
std::string other_class(const ClassNames& expected, const ClassNames& found);

}  // namespace seqpe::models

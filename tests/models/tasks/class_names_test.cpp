#include "models/tasks/class_names.h"

#include <gtest/gtest.h>

namespace seqpe::models {
namespace {

TEST(ClassNames, TheFirstThatDiffersIsTold) {
  using Names = std::vector<std::string>;
  const auto other = [](const Names& expected, const Names& found) {
    return other_class({expected, "A"}, {found, "B"});
  };
  EXPECT_EQ(other({"a", "b"}, {"a", "b"}), "");
  EXPECT_EQ(other({"a", "b", "c"}, {"a", "c", "b"}), "class 1 is 'b' in A and 'c' in B");
  EXPECT_EQ(other({"a", "b"}, {"a"}), "class 1 is 'b' in A and none in B");
  EXPECT_EQ(other({"a"}, {"a", "b"}), "class 1 is none in A and 'b' in B");
}

}  // namespace
}  // namespace seqpe::models

#include "engine/core/shape.h"

#include <gtest/gtest.h>

namespace seqpe {
namespace {

TEST(Shape, ElementCount) {
  EXPECT_EQ(element_count({}), 1) << "a scalar";
  EXPECT_EQ(element_count({7}), 7);
  EXPECT_EQ(element_count({2, 3, 4}), 24);
  EXPECT_EQ(element_count({5, 0, 3}), 0);
  EXPECT_EQ(element_count({1 << 20, 1 << 20}), std::int64_t{1} << 40);
  EXPECT_EQ(element_count({std::int64_t{1} << 40, std::int64_t{1} << 40, 0}), 0);
}

TEST(Shape, Text) {
  EXPECT_EQ(to_string(Shape{}), "[]");
  EXPECT_EQ(to_string(Shape{8, 1024, 768}), "[8, 1024, 768]");
}

}  // namespace
}  // namespace seqpe

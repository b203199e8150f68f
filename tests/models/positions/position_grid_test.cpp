#include "models/positions/position_grid.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace seqpe::models {
namespace {

using Integers = std::vector<std::int64_t>;

TEST(PositionGrid, OnALine) {
  const PositionGrid blocks = line(3, {5, 0});
  EXPECT_EQ(blocks.dimensions(), 1);
  EXPECT_EQ(blocks.blocks(), 2);
  EXPECT_EQ(blocks.tokens(), 3);
  EXPECT_FALSE(blocks.at_origin());
  EXPECT_EQ(positions_of(blocks), (Integers{5, 6, 7, 0, 1, 2}));
  EXPECT_TRUE(line(3).at_origin());
  EXPECT_FALSE(line(3, {1}).at_origin());
  EXPECT_TRUE(positions_of(line(3, {})).empty());
  EXPECT_TRUE(positions_of(line(0)).empty());
}

TEST(PositionGrid, RowByRow) {
  const PositionGrid blocks{{2, 3}, {0, 0, 7, 20}};
  EXPECT_EQ(blocks.dimensions(), 2);
  EXPECT_EQ(blocks.blocks(), 2);
  EXPECT_EQ(blocks.tokens(), 6);
  EXPECT_FALSE(blocks.at_origin());
  EXPECT_TRUE(at_origin({2, 3}).at_origin());
  EXPECT_EQ(positions_of(blocks), (Integers{0, 0,  0, 1,  0, 2,  1, 0,  1, 1,  1, 2,
                                            7, 20, 7, 21, 7, 22, 8, 20, 8, 21, 8, 22}));
}

TEST(PositionGrid, StartsThatAreNoWholeBlocksAreRefused) {
  test::expect_error(
      [] {
        PositionGrid{{2, 3}, {0, 0, 7}}.blocks();
      },
      "[positions] starts must be groups of 2 numbers, one an axis, got 3 numbers.");
}

TEST(PositionGrid, BehindAClassToken) {
  EXPECT_EQ(positions_of(behind_class_token(at_origin({2, 2}))), (Integers{0, 1, 2, 3, 4}));
  test::expect_error(
      [] {
        behind_class_token({{2, 2}, {0, 1}});
      },
      "[positions] patches on a line must begin at 0, got [0, 1].");
}

}  // namespace
}  // namespace seqpe::models

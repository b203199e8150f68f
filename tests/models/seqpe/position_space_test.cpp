#include "models/seqpe/position_space.h"

#include <gtest/gtest.h>

namespace seqpe::models {
namespace {

using Integers = std::vector<std::int64_t>;

TEST(PositionSpace, ALine) {
  const PositionSpace line(20000);
  EXPECT_EQ(line.dimensions(), 1);
  EXPECT_EQ(line.side(), 20000);
  EXPECT_EQ(line.count(), 20000);
  EXPECT_EQ(line.name(), "20000");
  EXPECT_EQ(line.starts_of({512}), Extent{19489});
  EXPECT_EQ(line.number_in(100, {512}, 7), 107);
  EXPECT_EQ(line.squared_distance(10, 7), 9);
  EXPECT_EQ(line.coordinates({5, 19999}), (Integers{5, 19999}));
}

TEST(PositionSpace, ASquareCountsCells) {
  for (const std::int64_t max_position : {100, 120}) {
    const PositionSpace square(max_position, 2);
    EXPECT_EQ(square.side(), 10);
    EXPECT_EQ(square.count(), 100);
    EXPECT_EQ(square.name(), std::to_string(max_position) + " (10 x 10 cells)");
  }
  const PositionSpace square(100, 2);
  EXPECT_EQ(square.starts_of({3, 4}), (Extent{8, 7}));
  EXPECT_EQ(square.coordinates({0, 9, 10, 99}), (Integers{0, 0, 0, 9, 1, 0, 9, 9}));
  // Place 6 of a window of 3 x 4 is (1, 2); the window starts at (2, 5).
  EXPECT_EQ(square.coordinates({square.number_in(25, {3, 4}, 6)}), (Integers{3, 7}));
  EXPECT_EQ(square.squared_distance(12, 45), 9 + 9) << "(1, 2) and (4, 5)";
  EXPECT_EQ(square.squared_distance(45, 12), 9 + 9);
  EXPECT_EQ(square.squared_distance(9, 10), 1 + 81) << "neighbours in number only";
}

TEST(PositionSpace, PlacesGoRowByRow) {
  EXPECT_EQ(place_count({3, 4}), 12);
  EXPECT_EQ(place_in({3, 4}, 0), (Integers{0, 0}));
  EXPECT_EQ(place_in({3, 4}, 3), (Integers{0, 3}));
  EXPECT_EQ(place_in({3, 4}, 4), (Integers{1, 0}));
  EXPECT_EQ(place_in({3, 4}, 11), (Integers{2, 3}));
  EXPECT_EQ(place_in({512}, 77), Integers{77});
}

}  // namespace
}  // namespace seqpe::models

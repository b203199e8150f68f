#include "engine/data/random_box.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/expect_error.h"

namespace seqpe::data {
namespace {

using Sides = std::pair<std::int64_t, std::int64_t>;

TEST(RandomBox, SidesOfAGivenAreaAndRatio) {
  PhiloxGenerator generator({.seed = 1});
  EXPECT_EQ(draw_box_sides(10, 10, {0.25, 0.25, 1, 1}, generator), Sides(5, 5));
  EXPECT_EQ(draw_box_sides(5, 20, {1, 1, 4, 4}, generator), Sides(20, 5));
  EXPECT_EQ(draw_box_sides(5, 20, {1, 1, 0.25, 0.25}, generator), Sides(5, 20));
  // 2.5 and 3.5: halves to even.
  EXPECT_EQ(draw_box_sides(5, 5, {0.25, 0.25, 1, 1}, generator), Sides(2, 2));
  EXPECT_EQ(draw_box_sides(7, 7, {0.25, 0.25, 1, 1}, generator), Sides(4, 4));
}

TEST(RandomBox, ExtremeShapesHaveSides) {
  PhiloxGenerator generator({.seed = 1});
  const auto [first, second] = draw_box_sides(100, 100, {1, 1, 1e300, 1e300}, generator);
  EXPECT_GT(first, 100);
  EXPECT_EQ(second, 0);
  EXPECT_EQ(draw_box_sides(1, 1, {1e-9, 1e-9, 1, 1}, generator), Sides(0, 0));
}

TEST(RandomBox, RatiosAreLogUniform) {
  PhiloxGenerator generator({.seed = 2});
  int wide = 0;
  constexpr int draws = 10'000;
  for (int i = 0; i < draws; ++i) {
    const auto [first, second] = draw_box_sides(1000, 1000, {1, 1, 1, 16}, generator);
    wide += first > 4 * second;  // 2000 and 500
  }
  EXPECT_NEAR(wide, draws / 2, 250);
}

TEST(RandomBox, WrongRangesAreRefused) {
  const auto refused = [](const BoxRange& range, const std::string& message) {
    test::expect_error([&] { check_box_range(range, "test"); },
                       "[augmentation] test: expected " + message);
  };
  refused({0, 1, 1, 1}, "0 < smallest area <= largest area <= 1, got 0 and 1.");
  refused({0.5, 0.25, 1, 1}, "0 < smallest area <= largest area <= 1, got 0.5 and 0.25.");
  refused({0.5, 1.5, 1, 1}, "0 < smallest area <= largest area <= 1, got 0.5 and 1.5.");
  refused({1, 1, 0, 1}, "0 < smallest ratio <= largest ratio, both finite, got 0 and 1.");
  refused({1, 1, 2, 1}, "0 < smallest ratio <= largest ratio, both finite, got 2 and 1.");
  refused({1, 1, 1, std::numeric_limits<double>::infinity()},
          "0 < smallest ratio <= largest ratio, both finite, got 1 and inf.");
}

}  // namespace
}  // namespace seqpe::data

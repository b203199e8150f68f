#include "engine/data/random_erasing.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/expect_error.h"

namespace seqpe::data {
namespace {

TEST(RandomErasing, BoxesAreSmallerThanTheImage) {
  PhiloxGenerator generator({.seed = 1});
  int bottom = 0, right = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto drawn = draw_erasing_box(6, 4, 1, {0.1, 1, 0.2, 5}, generator);
    if (!drawn) continue;
    const Box& box = drawn->box;
    EXPECT_GE(std::min({box.top, box.left}), 0);
    EXPECT_GE(std::min({box.height, box.width}), 1);
    EXPECT_LT(box.height, 6);
    EXPECT_LT(box.width, 4);
    EXPECT_LE(box.top + box.height, 6);
    EXPECT_LE(box.left + box.width, 4);
    bottom += box.top + box.height == 6;
    right += box.left + box.width == 4;
  }
  EXPECT_GT(bottom, 100);
  EXPECT_GT(right, 100);
}

TEST(RandomErasing, RatiosAreOfHeightToWidth) {
  PhiloxGenerator generator({.seed = 1});
  const auto drawn = draw_erasing_box(30, 30, 1, {0.04, 0.04, 4, 4}, generator);
  ASSERT_TRUE(drawn);
  EXPECT_EQ(drawn->box.height, 12);
  EXPECT_EQ(drawn->box.width, 3);
}

TEST(RandomErasing, NoneWithoutLuckOrRoom) {
  PhiloxGenerator generator({.seed = 2});
  int erased = 0;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(draw_erasing_box(9, 9, 0, kRandomErasingRange, generator));
    EXPECT_FALSE(draw_erasing_box(1, 1, 1, kRandomErasingRange, generator));
    EXPECT_FALSE(draw_erasing_box(1, 50, 1, kRandomErasingRange, generator));
    EXPECT_FALSE(draw_erasing_box(9, 9, 1, {1, 1, 1, 1}, generator));
    erased += draw_erasing_box(32, 32, 0.25, kRandomErasingRange, generator).has_value();
  }
  EXPECT_NEAR(erased, 250, 60);
}

TEST(RandomErasing, WrongArgumentsAreRefused) {
  PhiloxGenerator generator({.seed = 4});
  test::expect_error([&] { draw_erasing_box(2, 2, 1.5, kRandomErasingRange, generator); },
                     "[augmentation] random erasing: expected a probability from 0 to 1, got 1.5.");
  test::expect_error(
      [&] {
        draw_erasing_box(2, 2, 1, {0, 1, 1, 1}, generator);
      },
      "[augmentation] random erasing: expected 0 < smallest area <= largest area "
      "<= 1, got 0 and 1.");
}

}  // namespace
}  // namespace seqpe::data

#include "engine/data/color_jitter.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/expect_error.h"

namespace seqpe::data {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST(ColorJitter, AmountsAreUniformInTheirRanges) {
  PhiloxGenerator generator({.seed = 1});
  const ColorJitterOptions options{.brightness = 0.4, .contrast = 3, .saturation = 1, .hue = 0.1};
  struct Range {
    double low = 1e9, high = -1e9, sum = 0;
  };
  std::map<ColorProperty, Range> ranges;
  constexpr int draws = 4000;
  for (int i = 0; i < draws; ++i) {
    const std::vector<ColorChange> changes = draw_color_jitter(options, generator);
    ASSERT_EQ(changes.size(), 4U);
    for (const ColorChange& change : changes) {
      Range& range = ranges[change.property];
      range.low = std::min(range.low, change.amount);
      range.high = std::max(range.high, change.amount);
      range.sum += change.amount;
    }
  }
  const auto check = [&](ColorProperty property, double low, double high) {
    SCOPED_TRACE(static_cast<int>(property));
    const Range& range = ranges.at(property);
    const double width = high - low;
    EXPECT_GE(range.low, low);
    EXPECT_LE(range.high, high);
    EXPECT_NEAR(range.low, low, 0.01 * width);
    EXPECT_NEAR(range.high, high, 0.01 * width);
    EXPECT_NEAR(range.sum / draws, low + width / 2, 0.03 * width);
  };
  check(ColorProperty::brightness, 0.6, 1.4);
  check(ColorProperty::contrast, 0, 4);
  check(ColorProperty::saturation, 0, 2);
  check(ColorProperty::hue, -0.1, 0.1);
}

TEST(ColorJitter, EveryOrderComesAsOften) {
  PhiloxGenerator generator({.seed = 2});
  std::map<std::vector<ColorProperty>, int> orders;
  constexpr int draws = 6000;
  for (int i = 0; i < draws; ++i) {
    std::vector<ColorProperty> order;
    for (const ColorChange& change : draw_color_jitter({}, generator))
      order.push_back(change.property);
    ++orders[order];
  }
  ASSERT_EQ(orders.size(), 6U);  // of three properties: the default has no hue
  for (const auto& [order, count] : orders) EXPECT_NEAR(count, draws / 6, 150);
}

TEST(ColorJitter, WhatMayNotChangeIsLeftOut) {
  PhiloxGenerator generator({.seed = 3});
  EXPECT_TRUE(draw_color_jitter({0, 0, 0, 0}, generator).empty());
  const auto changes = draw_color_jitter({0, 0.5, 0, 0}, generator);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].property, ColorProperty::contrast);
}

TEST(ColorJitter, ChangesFollowEachOther) {
  const Image image{1, 1, {200, 0, 0}};
  // 255 and then 127; the other way round 100 and then 200.
  EXPECT_EQ(change_colors(image, {{ColorProperty::brightness, 2}, {ColorProperty::brightness, 0.5}})
                .pixels,
            (Bytes{127, 0, 0}));
  EXPECT_EQ(change_colors(image, {{ColorProperty::brightness, 0.5}, {ColorProperty::brightness, 2}})
                .pixels,
            (Bytes{200, 0, 0}));
  EXPECT_EQ(change_colors(image, {}).pixels, image.pixels);
}

TEST(ColorJitter, WrongOptionsAreRefused) {
  PhiloxGenerator generator({.seed = 4});
  test::expect_error(
      [&] { draw_color_jitter({.saturation = -1}, generator); },
      "[augmentation] color jitter, saturation: expected a finite number >= 0, got -1.");
  test::expect_error([&] { draw_color_jitter({.hue = 0.6}, generator); },
                     "[augmentation] color jitter, hue: expected from 0 to 0.5, got 0.6.");
}

}  // namespace
}  // namespace seqpe::data

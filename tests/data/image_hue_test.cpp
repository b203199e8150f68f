#include "engine/data/image_hue.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/expect_error.h"

namespace seqpe::data {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes turned(const Bytes& pixels, double turns) {
  return adjust_hue({1, static_cast<std::int64_t>(pixels.size()) / 3, pixels}, turns).pixels;
}

TEST(ImageHue, RedAroundTheCircle) {
  const Bytes red{255, 0, 0};
  EXPECT_EQ(turned(red, 0), red);
  EXPECT_EQ(turned(red, 1.0 / 3), (Bytes{0, 255, 0}));   // 85 of 256 steps, 255 of them a circle
  EXPECT_EQ(turned(red, -1.0 / 3), (Bytes{6, 0, 255}));  // 171 steps: 4.0235 sixths
  EXPECT_EQ(turned(red, 0.5), (Bytes{0, 255, 252}));     // 127 steps: 2.9882 sixths
  EXPECT_EQ(turned(red, -0.5), (Bytes{0, 246, 255}));    // 129 steps: 3.0353 sixths
  EXPECT_EQ(turned(red, 0.1), (Bytes{255, 150, 0}));     // 25 steps: 0.5882 sixths
  EXPECT_EQ(turned(red, 0.25), (Bytes{132, 255, 0}));    // 63 steps: 1.4824 sixths
}

TEST(ImageHue, GrayStays) {
  const Bytes grays{0, 0, 0, 128, 128, 128, 255, 255, 255};
  EXPECT_EQ(turned(grays, 0.3), grays);
}

TEST(ImageHue, NoTurnStillRoundsTo8Bits) {
  // 3.99 sixths are 169.6 of 255 steps; 169 are 3.9765 sixths: 200 (1 - 127/255 * 0.9765) = 102.7.
  EXPECT_EQ(turned({100, 101, 200}, 0), (Bytes{100, 103, 200}));
}

TEST(ImageHue, AWrongTurnIsRefused) {
  const std::string expected =
      "[augmentation] hue: expected from -0.5 to 0.5 turns of the colour circle, got ";
  test::expect_error([] { turned({1, 2, 3}, 0.75); }, expected + "0.75.");
  test::expect_error([] { turned({1, 2, 3}, -0.75); }, expected + "-0.75.");
  test::expect_error(
      [] {
        turned({1, 2, 3}, std::numeric_limits<double>::quiet_NaN());
      },
      expected + "nan.");
}

}  // namespace
}  // namespace seqpe::data

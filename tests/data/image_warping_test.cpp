#include "engine/data/image_warping.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/expect_error.h"
#include "tests/support/gray_image.h"

namespace seqpe::data {
namespace {

using test::gray_image;
using test::gray_values;
using Bytes = std::vector<std::uint8_t>;

constexpr std::uint8_t kFill = 77;
constexpr Color kFillColor{kFill, kFill, kFill};

Bytes warped(const Image& image, const AffineMap& map) {
  return gray_values(warp_image(image, map, kFillColor));
}

Bytes rotated(const Image& image, double degrees) {
  return gray_values(rotate_image(image, degrees, kFillColor));
}

TEST(ImageWarping, TheIdentityCopies) {
  for (const Image& image : {gray_image(1, 1, {9}), gray_image(1, 3, {0, 255, 9}),
                             gray_image(3, 1, {0, 255, 9}), gray_image(2, 2, {0, 255, 9, 3})})
    EXPECT_EQ(warp_image(image, {}, kFillColor).pixels, image.pixels);
}

TEST(ImageWarping, WholePixelsMoveAsTheyAre) {
  const Image image = gray_image(2, 3, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(warped(image, {.x0 = 1}), (Bytes{2, 3, kFill, 5, 6, kFill}));
  EXPECT_EQ(warped(image, {.x0 = -2}), (Bytes{kFill, kFill, 1, kFill, kFill, 4}));
  EXPECT_EQ(warped(image, {.y0 = 1}), (Bytes{4, 5, 6, kFill, kFill, kFill}));
  EXPECT_EQ(warped(image, {.y0 = -1}), (Bytes{kFill, kFill, kFill, 1, 2, 3}));
}

TEST(ImageWarping, EveryChannelHasItsFill) {
  EXPECT_EQ(warp_image({1, 1, {1, 2, 3}}, {.x0 = 1}, {4, 5, 6}).pixels, (Bytes{4, 5, 6}));
}

TEST(ImageWarping, HalfwayBetweenPixels) {
  // The cubic with a = -1 weighs four neighbours by -1/8, 5/8, 5/8, -1/8; the border is repeated,
  // what is a pixel beyond it is not the image's.
  EXPECT_EQ(warped(gray_image(1, 5, {10, 10, 90, 90, 90}), {.x0 = 0.5}),
            (Bytes{0, 50, 100, 90, kFill}));
  EXPECT_EQ(warped(gray_image(5, 1, {10, 10, 90, 90, 90}), {.y0 = 0.5}),
            (Bytes{0, 50, 100, 90, kFill}));
  EXPECT_EQ(warped(gray_image(1, 5, {10, 10, 90, 90, 90}), {.x0 = -0.5}),
            (Bytes{10, 0, 50, 100, 90}));
  // 1.5 is rounded down; 0 - 255 / 4 and 255 + 255 / 4 are cut off.
  EXPECT_EQ(warped(gray_image(1, 2, {0, 3}), {.x0 = 0.5}), (Bytes{1, kFill}));
  EXPECT_EQ(warped(gray_image(1, 6, {0, 0, 255, 255, 0, 0}), {.x0 = 0.5}),
            (Bytes{0, 127, 255, 127, 0, kFill}));
}

TEST(ImageWarping, ShearsByThePixelsCentre) {
  // Rows at 0.5 and 1.5 move by 1 and 3 pixels, columns so by map.yx.
  EXPECT_EQ(warped(gray_image(2, 4, {1, 2, 3, 4, 5, 6, 7, 8}), {.xy = 2}),
            (Bytes{2, 3, 4, kFill, 8, kFill, kFill, kFill}));
  EXPECT_EQ(warped(gray_image(4, 2, {1, 5, 2, 6, 3, 7, 4, 8}), {.yx = 2}),
            (Bytes{2, 8, 3, kFill, 4, kFill, kFill, kFill}));
}

TEST(ImageWarping, FarOutsideIsFill) {
  const Image image = gray_image(1, 2, {1, 2});
  EXPECT_EQ(warped(image, {.x0 = 1e300}), Bytes(2, kFill));
  EXPECT_EQ(warped(image, {.y0 = -1e300}), Bytes(2, kFill));
  constexpr double most = std::numeric_limits<double>::max();
  EXPECT_EQ(warped(image, {.xx = most, .x0 = most}), Bytes(2, kFill));  // infinity
}

TEST(ImageWarping, QuarterTurnsAreCounterclockwise) {
  const Image square = gray_image(2, 2, {1, 2, 3, 4});
  EXPECT_EQ(rotated(square, 90), (Bytes{2, 4, 1, 3}));
  EXPECT_EQ(rotated(square, 180), (Bytes{4, 3, 2, 1}));
  EXPECT_EQ(rotated(square, -90), (Bytes{3, 1, 4, 2}));
  EXPECT_EQ(rotated(gray_image(2, 3, {1, 2, 3, 4, 5, 6}), 180), (Bytes{6, 5, 4, 3, 2, 1}));
  // The frame stays, and with it only the pixel in the middle.
  EXPECT_EQ(rotated(gray_image(1, 3, {1, 2, 3}), 90), (Bytes{kFill, 2, kFill}));
}

TEST(ImageWarping, WholeTurnsCopy) {
  const Bytes values{1, 2, 3, 4, 5, 6};
  for (const double degrees : {0.0, -0.0, 360.0, -720.0})
    EXPECT_EQ(rotated(gray_image(2, 3, values), degrees), values);
  EXPECT_EQ(rotated(gray_image(1, 1, {9}), 29), Bytes{9});
}

TEST(ImageWarping, NumbersMustBeFinite) {
  const Image image = gray_image(1, 1, {9});
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  test::expect_error([&] { warped(image, {.y0 = nan}); },
                     "[augmentation] warp: expected finite numbers, got (1, 0, 0; 0, 1, nan).");
  test::expect_error([&] { rotated(image, nan); },
                     "[augmentation] rotate: expected a finite angle, got nan.");
}

}  // namespace
}  // namespace seqpe::data

#include "engine/data/image_adjustment.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/expect_error.h"
#include "tests/support/gray_image.h"

namespace seqpe::data {
namespace {

using test::gray_image;
using test::gray_values;
using Bytes = std::vector<std::uint8_t>;

TEST(ImageAdjustment, BrightnessScalesAndRoundsDown) {
  const Image image{1, 1, {3, 100, 200}};
  EXPECT_EQ(adjust_brightness(image, 0).pixels, (Bytes{0, 0, 0}));
  EXPECT_EQ(adjust_brightness(image, 0.5).pixels, (Bytes{1, 50, 100}));
  EXPECT_EQ(adjust_brightness(image, 1).pixels, image.pixels);
  EXPECT_EQ(adjust_brightness(image, 1.5).pixels, (Bytes{4, 150, 255}));
  EXPECT_EQ(adjust_brightness(image, 1e300).pixels, (Bytes{255, 255, 255}));
}

TEST(ImageAdjustment, ContrastKeepsTheMeanGrayValue) {
  // A mean of 50.5 is rounded to 51.
  const Image image = gray_image(1, 2, {0, 101});
  EXPECT_EQ(gray_values(adjust_contrast(image, 0)), (Bytes{51, 51}));
  EXPECT_EQ(gray_values(adjust_contrast(image, 0.5)), (Bytes{25, 76}));
  EXPECT_EQ(gray_values(adjust_contrast(image, 1)), (Bytes{0, 101}));
  EXPECT_EQ(gray_values(adjust_contrast(image, 2)), (Bytes{0, 151}));
}

TEST(ImageAdjustment, ContrastWeighsColors) {
  // Gray values 76, 150 and 29 have the mean 85.
  EXPECT_EQ(adjust_contrast({3, 1, {255, 0, 0, 0, 255, 0, 0, 0, 255}}, 0).pixels, Bytes(9, 85));
}

TEST(ImageAdjustment, SaturationMovesAwayFromGray) {
  const Image red{1, 1, {255, 0, 0}};  // gray 76.2
  EXPECT_EQ(adjust_saturation(red, 0).pixels, (Bytes{76, 76, 76}));
  EXPECT_EQ(adjust_saturation(red, 0.5).pixels, (Bytes{165, 38, 38}));
  EXPECT_EQ(adjust_saturation(red, 2).pixels, (Bytes{255, 0, 0}));
  EXPECT_EQ(adjust_saturation({1, 1, {0, 255, 0}}, 0).pixels, (Bytes{150, 150, 150}));
  EXPECT_EQ(adjust_saturation({1, 1, {0, 0, 255}}, 0).pixels, (Bytes{29, 29, 29}));
  const Image gray = gray_image(1, 2, {7, 200});
  EXPECT_EQ(adjust_saturation(gray, 1.9).pixels, gray.pixels);
}

TEST(ImageAdjustment, SharpnessMovesAwayFromTheNeighbors) {
  // 5 * 130 / 13 = 50.
  const Image peak = gray_image(3, 3, {0, 0, 0, 0, 130, 0, 0, 0, 0});
  EXPECT_EQ(gray_values(adjust_sharpness(peak, 0)), (Bytes{0, 0, 0, 0, 50, 0, 0, 0, 0}));
  EXPECT_EQ(gray_values(adjust_sharpness(peak, 2)), (Bytes{0, 0, 0, 0, 210, 0, 0, 0, 0}));
  // Every neighbour counts once: (1 + ... + 8 of them 10) = 80 / 13 = 6.2.
  const Image hole = gray_image(3, 3, {10, 10, 10, 10, 0, 10, 10, 10, 10});
  EXPECT_EQ(gray_values(adjust_sharpness(hole, 0))[4], 6);
  // 6 / 13 and 7 / 13 are rounded.
  EXPECT_EQ(gray_values(adjust_sharpness(gray_image(3, 3, {6, 0, 0, 0, 0, 0, 0, 0, 0}), 0))[4], 0);
  EXPECT_EQ(gray_values(adjust_sharpness(gray_image(3, 3, {0, 0, 0, 0, 0, 0, 7, 0, 0}), 0))[4], 1);
}

TEST(ImageAdjustment, SharpnessOfABorderStays) {
  for (const Image& image : {gray_image(1, 1, {9}), gray_image(1, 4, {0, 255, 0, 255}),
                             gray_image(4, 1, {0, 255, 0, 255}), gray_image(2, 2, {0, 255, 9, 3}),
                             gray_image(2, 3, {0, 255, 9, 3, 1, 2})})
    EXPECT_EQ(adjust_sharpness(image, 0).pixels, image.pixels);
}

TEST(ImageAdjustment, AWrongFactorIsRefused) {
  const Image image = gray_image(1, 1, {9});
  test::expect_error([&] { adjust_brightness(image, -0.5); },
                     "[augmentation] brightness: expected a finite factor >= 0, got -0.5.");
  test::expect_error([&] { adjust_contrast(image, std::numeric_limits<double>::quiet_NaN()); },
                     "[augmentation] contrast: expected a finite factor >= 0, got nan.");
  test::expect_error([&] { adjust_saturation(image, std::numeric_limits<double>::infinity()); },
                     "[augmentation] saturation: expected a finite factor >= 0, got inf.");
  test::expect_error([&] { adjust_sharpness(image, -1); },
                     "[augmentation] sharpness: expected a finite factor >= 0, got -1.");
}

}  // namespace
}  // namespace seqpe::data

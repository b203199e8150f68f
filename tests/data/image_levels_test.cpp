#include "engine/data/image_levels.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/gray_image.h"

namespace seqpe::data {
namespace {

using test::gray_image;
using test::gray_values;
using Bytes = std::vector<std::uint8_t>;

TEST(ImageLevels, AutoContrastStretchesEveryChannel) {
  // Red by 2.5 from 0 on, green has one value, blue by 25.5 from 10 on.
  const Image image{1, 3, {0, 7, 10, 51, 7, 12, 102, 7, 20}};
  EXPECT_EQ(auto_contrast_image(image).pixels, (Bytes{0, 7, 0, 127, 7, 51, 255, 7, 255}));
}

TEST(ImageLevels, EqualizeSpreadsByCounts) {
  // Red: 255 of 0, 255 of 1, 2 of 2; step 2: (0 + 1) / 2, (255 + 1) / 2, (510 + 1) / 2.
  // Green: 300 of 0, 212 of 9; step 1: 0 and 300, cut off.
  // Blue: 254 of 3, 258 of 4; step 0.
  Image image = make_image(2, 256, "test");
  Image expected = image;
  for (std::size_t i = 0; i < 512; ++i) {
    image.pixels[3 * i] = static_cast<std::uint8_t>(i / 255);
    image.pixels[3 * i + 1] = i < 300 ? 0 : 9;
    image.pixels[3 * i + 2] = i < 254 ? 3 : 4;
    expected.pixels[3 * i] = Bytes{0, 128, 255}[i / 255];
    expected.pixels[3 * i + 1] = i < 300 ? 0 : 255;
    expected.pixels[3 * i + 2] = i < 254 ? 3 : 4;
  }
  EXPECT_EQ(equalize_image(image).pixels, expected.pixels);
}

TEST(ImageLevels, ImagesOfOnePixelStay) {
  const Image image{1, 1, {3, 0, 255}};
  EXPECT_EQ(auto_contrast_image(image).pixels, image.pixels);
  EXPECT_EQ(equalize_image(image).pixels, image.pixels);
}

TEST(ImageLevels, Invert) {
  EXPECT_EQ(invert_image({1, 1, {0, 100, 255}}).pixels, (Bytes{255, 155, 0}));
}

TEST(ImageLevels, PosterizeKeepsTheHighestBits) {
  const Image image{1, 1, {255, 0b1010'1010, 1}};
  EXPECT_EQ(posterize_image(image, 4).pixels, (Bytes{240, 160, 0}));
  EXPECT_EQ(posterize_image(image, 1).pixels, (Bytes{128, 128, 0}));
  EXPECT_EQ(posterize_image(image, 0).pixels, (Bytes{0, 0, 0}));
  EXPECT_EQ(posterize_image(image, 8).pixels, image.pixels);
}

TEST(ImageLevels, SolarizeInvertsFromTheThresholdOn) {
  const Image image = gray_image(1, 4, {0, 127, 128, 255});
  EXPECT_EQ(gray_values(solarize_image(image, 128)), (Bytes{0, 127, 127, 0}));
  EXPECT_EQ(gray_values(solarize_image(image, 0)), (Bytes{255, 128, 127, 0}));
  EXPECT_EQ(gray_values(solarize_image(image, 256)), (Bytes{0, 127, 128, 255}));
}

TEST(ImageLevels, SolarizeAddBrightensBelow128) {
  const Image image = gray_image(1, 4, {0, 127, 128, 255});
  EXPECT_EQ(gray_values(solarize_add_image(image, 110)), (Bytes{110, 237, 128, 255}));
  EXPECT_EQ(gray_values(solarize_add_image(image, 255)), (Bytes{255, 255, 128, 255}));
  EXPECT_EQ(gray_values(solarize_add_image(image, 0)), (Bytes{0, 127, 128, 255}));
}

TEST(ImageLevels, WrongArgumentsAreRefused) {
  const Image image = gray_image(1, 1, {9});
  test::expect_error([&] { posterize_image(image, 9); },
                     "[augmentation] posterize: expected from 0 to 8 bits, got 9.");
  test::expect_error([&] { posterize_image(image, -1); },
                     "[augmentation] posterize: expected from 0 to 8 bits, got -1.");
  test::expect_error([&] { solarize_image(image, 257); },
                     "[augmentation] solarize: expected a threshold from 0 to 256, got 257.");
  test::expect_error([&] { solarize_add_image(image, -3); },
                     "[augmentation] solarize_add: expected a number from 0 to 255, got -3.");
}

}  // namespace
}  // namespace seqpe::data

#include "engine/data/image_cropping.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace seqpe::data {
namespace {

/// 2 x 3 pixels: red is the row + 1, green the column, blue 9.
Image numbered_image() {
  return {2, 3, {1, 0, 9, 1, 1, 9, 1, 2, 9, 2, 0, 9, 2, 1, 9, 2, 2, 9}};
}

TEST(ImageCropping, ABoxInside) {
  const Image crop = crop_image(numbered_image(), {1, 1, 1, 2});
  EXPECT_EQ(crop.height, 1);
  EXPECT_EQ(crop.width, 2);
  EXPECT_EQ(crop.pixels, (std::vector<std::uint8_t>{2, 1, 9, 2, 2, 9}));
}

TEST(ImageCropping, BlackOutside) {
  EXPECT_EQ(crop_image(numbered_image(), {-1, -1, 2, 2}).pixels,
            (std::vector<std::uint8_t>{0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 9}));
  EXPECT_EQ(crop_image(numbered_image(), {1, 2, 2, 2}).pixels,
            (std::vector<std::uint8_t>{2, 2, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  const std::vector<std::uint8_t> black(3);
  EXPECT_EQ(crop_image(numbered_image(), {2, 0, 1, 1}).pixels, black);
  EXPECT_EQ(crop_image(numbered_image(), {0, 3, 1, 1}).pixels, black);
  EXPECT_EQ(crop_image(numbered_image(), {-5, -5, 1, 1}).pixels, black);
}

TEST(ImageCropping, AnEmptyBoxIsRefused) {
  test::expect_error<DataError>(
      [] {
        crop_image(numbered_image(), {0, 0, 0, 2});
      },
      "[image] crop: expected from 1 to 178956970 pixels, got height 0 "
      "and width 2.");
}

TEST(ImageCropping, FlippedLeftToRight) {
  EXPECT_EQ(flip_image(numbered_image()).pixels,
            (std::vector<std::uint8_t>{1, 2, 9, 1, 1, 9, 1, 0, 9, 2, 2, 9, 2, 1, 9, 2, 0, 9}));
}

}  // namespace
}  // namespace seqpe::data

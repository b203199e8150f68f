#include "engine/data/image_resizing.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/gray_image.h"

namespace seqpe::data {
namespace {

using test::gray_image;
using test::gray_values;
using Bytes = std::vector<std::uint8_t>;

TEST(ImageResizing, BilinearWeighsWhatTheWidenedTriangleCovers) {
  // Centres at -0.25, 0.25, 0.75, 1.25 where the two pixels lie at 0 and 1.
  const Image two = gray_image(1, 2, {0, 100});
  EXPECT_EQ(gray_values(resize_image(two, 1, 4, ResizeFilter::bilinear)), (Bytes{0, 25, 75, 100}));
  // The first of two covers three pixels with weights 3 : 3 : 1.
  const Image four = gray_image(1, 4, {10, 20, 50, 0});
  EXPECT_EQ(gray_values(resize_image(four, 1, 2, ResizeFilter::bilinear)),
            (Bytes{20, 24}));  // (30 + 60 + 50) / 7, (0 + 150 + 20) / 7 = 24.3
}

TEST(ImageResizing, BicubicOvershootsAndIsCutOff) {
  // Weights at the distances 0.25, 0.75, 1.25, 1.75 are 111, 29, -9, -3 of 128; those that meet no
  // pixel are left out and the others divided by their sum: 100 - 40 * 3 / 137 = 99.1,
  // 100 - 40 * 9 / 131 = 97.3, 100 + 40 * (29 - 3) / 128 = 108.1.
  const Image edge = gray_image(4, 1, {0, 0, 255, 255});
  EXPECT_EQ(gray_values(resize_image(edge, 8, 1, ResizeFilter::bicubic)),
            (Bytes{0, 0, 0, 52, 203, 255, 255, 255}));
  const Image step = gray_image(4, 1, {100, 100, 140, 140});
  EXPECT_EQ(gray_values(resize_image(step, 8, 1, ResizeFilter::bicubic)),
            (Bytes{100, 99, 97, 108, 132, 143, 141, 140}));
}

TEST(ImageResizing, HorizontalPassComesFirstAndIsRounded) {
  // Rows give 0.5 -> 1 and 1.5 -> 2, then 1.5 -> 2; columns would give 1 and 1, then 1.
  EXPECT_EQ(gray_values(resize_image(gray_image(2, 2, {0, 1, 2, 1}), 1, 1, ResizeFilter::bilinear)),
            Bytes{2});
  // The other way round.
  EXPECT_EQ(gray_values(resize_image(gray_image(2, 2, {0, 2, 1, 1}), 1, 1, ResizeFilter::bilinear)),
            Bytes{1});
}

TEST(ImageResizing, ASizeThatStaysIsCopied) {
  const Image image = gray_image(1, 3, {5, 250, 7});
  EXPECT_EQ(resize_image(image, 1, 3, ResizeFilter::bicubic).pixels, image.pixels);
}

TEST(ImageResizing, ImpossibleSizesAreRefused) {
  const Image image = gray_image(2, 2, {1, 2, 3, 4});
  const auto expect_refused = [&](std::int64_t height, std::int64_t width) {
    test::expect_error_with<DataError>(
        [&] { resize_image(image, height, width, ResizeFilter::bicubic); },
        "[image] resized image: expected from 1 to 178956970 pixels, got height ");
  };
  expect_refused(0, 2);
  expect_refused(2, 0);
  expect_refused(3, -1);
  expect_refused(20'000, 20'000);
}

}  // namespace
}  // namespace seqpe::data

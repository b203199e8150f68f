#include "engine/data/random_resized_crop.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/gray_image.h"

namespace seqpe::data {
namespace {

std::array<std::int64_t, 4> numbers_of(const Box& box) {
  return {box.top, box.left, box.height, box.width};
}
using Numbers = std::array<std::int64_t, 4>;

TEST(RandomResizedCrop, TheWholeImageFits) {
  PhiloxGenerator generator({.seed = 1});
  const RandomCrop crop = draw_random_crop(12, 12, {1, 1, 1, 1}, generator);
  EXPECT_TRUE(crop.found);
  EXPECT_EQ(crop.attempts, 1);
  EXPECT_EQ(numbers_of(crop.box), (Numbers{0, 0, 12, 12}));
}

TEST(RandomResizedCrop, RatiosAreOfWidthToHeight) {
  PhiloxGenerator generator({.seed = 1});
  const RandomCrop crop = draw_random_crop(5, 20, {1, 1, 4, 4}, generator);
  EXPECT_TRUE(crop.found);
  EXPECT_EQ(numbers_of(crop.box), (Numbers{0, 0, 5, 20}));
}

TEST(RandomResizedCrop, InTheMiddleIfNothingFits) {
  PhiloxGenerator generator({.seed = 1});
  const RandomCrop wide = draw_random_crop(10, 21, {1, 1, 1, 1}, generator);
  EXPECT_FALSE(wide.found);
  EXPECT_EQ(wide.attempts, kRandomCropAttempts);
  EXPECT_EQ(numbers_of(wide.box), (Numbers{0, 5, 10, 10}));
  EXPECT_EQ(numbers_of(draw_random_crop(21, 10, {1, 1, 1, 1}, generator).box),
            (Numbers{5, 0, 10, 10}));
  // An area below a pixel never fits; the whole image has an allowed ratio.
  EXPECT_EQ(numbers_of(draw_random_crop(3, 4, {1e-9, 1e-9, 0.5, 2}, generator).box),
            (Numbers{0, 0, 3, 4}));
}

TEST(RandomResizedCrop, EveryPlaceIsReached) {
  PhiloxGenerator generator({.seed = 3});
  std::array<int, 5> tops{}, lefts{};
  for (int i = 0; i < 1000; ++i) {
    const RandomCrop crop = draw_random_crop(8, 8, {0.25, 0.25, 1, 1}, generator);
    ++tops.at(static_cast<std::size_t>(crop.box.top));
    ++lefts.at(static_cast<std::size_t>(crop.box.left));
  }
  for (const int count : tops) EXPECT_NEAR(count, 200, 60);
  for (const int count : lefts) EXPECT_NEAR(count, 200, 60);
}

TEST(RandomResizedCrop, ThinImagesHaveBoxes) {
  PhiloxGenerator generator({.seed = 4});
  for (const auto& [height, width] : {std::pair{1, 1}, {1, 2}, {1, 1000}, {1000, 1}, {2, 3}}) {
    for (int i = 0; i < 200; ++i) {
      const Box box = draw_random_crop(height, width, kRandomCropRange, generator).box;
      EXPECT_GE(std::min({box.top, box.left}), 0);
      EXPECT_GE(std::min({box.height, box.width}), 1);
      EXPECT_LE(box.top + box.height, height);
      EXPECT_LE(box.left + box.width, width);
    }
  }
}

TEST(RandomResizedCrop, CutsBeforeItResizes) {
  const Image image = test::gray_image(2, 2, {1, 2, 3, 4});
  const Image crop = resized_crop(image, {1, 0, 1, 1}, 3);
  EXPECT_EQ(crop.height, 3);
  EXPECT_EQ(test::gray_values(crop), std::vector<std::uint8_t>(9, 3));
}

TEST(RandomResizedCrop, AWrongRangeIsRefused) {
  PhiloxGenerator generator({.seed = 5});
  test::expect_error(
      [&] {
        draw_random_crop(1, 1, {1, 1, 2, 1}, generator);
      },
      "[augmentation] random crop: expected 0 < smallest ratio <= largest ratio, "
      "both finite, got 2 and 1.");
}

}  // namespace
}  // namespace seqpe::data

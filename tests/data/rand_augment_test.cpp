#include "engine/data/rand_augment.h"

#include <gtest/gtest.h>

#include <limits>

#include "engine/data/image_adjustment.h"
#include "engine/data/image_levels.h"
#include "tests/support/expect_error.h"

namespace seqpe::data {
namespace {

/// 20 x 10 pixels, all different in every channel.
Image test_image() {
  Image image = make_image(20, 10, "test");
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(i * 89 + i / 256);
  return image;
}

TEST(RandAugment, OperationsAtTheLargestMagnitude) {
  const Image image = test_image();
  const auto check = [&](AugmentOperation operation, const Image& expected, bool negated = false) {
    SCOPED_TRACE(static_cast<int>(operation));
    const Image ours = rand_augment_image(image, {{operation, 10, negated}});
    EXPECT_EQ(ours.pixels, expected.pixels);
    EXPECT_EQ(ours.height, 20);
    EXPECT_EQ(ours.width, 10);
  };
  const Color fill = kImageNetMeanColor;
  check(AugmentOperation::auto_contrast, auto_contrast_image(image));
  check(AugmentOperation::equalize, equalize_image(image));
  check(AugmentOperation::invert, invert_image(image));
  check(AugmentOperation::rotate, rotate_image(image, 30, fill));
  check(AugmentOperation::rotate, rotate_image(image, -30, fill), true);
  check(AugmentOperation::posterize, posterize_image(image, 0));
  check(AugmentOperation::posterize, posterize_image(image, 0), true);
  check(AugmentOperation::solarize, solarize_image(image, 0));
  check(AugmentOperation::solarize_add, solarize_add_image(image, 110));
  check(AugmentOperation::saturation, adjust_saturation(image, 1.9));
  check(AugmentOperation::contrast, adjust_contrast(image, 1.9));
  check(AugmentOperation::brightness, adjust_brightness(image, 1.9));
  check(AugmentOperation::sharpness, adjust_sharpness(image, 1.9));
  check(AugmentOperation::sharpness, adjust_sharpness(image, 0.1), true);
  check(AugmentOperation::shear_x, warp_image(image, {.xy = 0.3}, fill));
  check(AugmentOperation::shear_y, warp_image(image, {.yx = 0.3}, fill));
  check(AugmentOperation::translate_x, warp_image(image, {.x0 = 4.5}, fill));  // of 10 columns
  check(AugmentOperation::translate_y, warp_image(image, {.y0 = 9}, fill));    // of 20 rows
  check(AugmentOperation::translate_y, warp_image(image, {.y0 = -9}, fill), true);
}

TEST(RandAugment, AnyImageAtAnyMagnitude) {
  for (const auto& [height, width] : {std::pair{1, 1}, {1, 7}, {7, 1}, {2, 2}}) {
    const Image image = make_image(height, width, "test");
    for (std::int64_t i = 0; i < kAugmentOperations; ++i) {
      for (const double magnitude : {0.0, 10.0}) {
        const auto augmented =
            rand_augment_image(image, {{static_cast<AugmentOperation>(i), magnitude, true}});
        EXPECT_EQ(augmented.height, height);
        EXPECT_EQ(augmented.width, width);
        EXPECT_EQ(augmented.pixels.size(), image.pixels.size());
      }
    }
  }
}

TEST(RandAugment, StepsFollowEachOther) {
  const Image image{1, 1, {200, 100, 0}};
  const AugmentStep invert{AugmentOperation::invert}, add{AugmentOperation::solarize_add, 10};
  EXPECT_EQ(rand_augment_image(image, {invert, add}).pixels,
            (std::vector<std::uint8_t>{165, 155, 255}));
  EXPECT_EQ(rand_augment_image(image, {add, invert}).pixels,
            (std::vector<std::uint8_t>{55, 45, 145}));
  EXPECT_EQ(rand_augment_image(image, {}).pixels, image.pixels);
}

TEST(RandAugment, AnUnknownOperationIsRefused) {
  const AugmentStep step{static_cast<AugmentOperation>(kAugmentOperations), 10};
  test::expect_error<Error>(
      [&] {
        rand_augment_image({1, 1, {1, 2, 3}}, {step});
      },
      "[augmentation] RandAugment: expected an operation below 15, got 15.");
}

TEST(RandAugment, ProbabilityAndDeviation) {
  PhiloxGenerator generator({.seed = 1});
  EXPECT_TRUE(draw_rand_augment({.operations = 0}, generator).empty());
  EXPECT_TRUE(draw_rand_augment({.operations = 50, .probability = 0}, generator).empty());
  const auto all = draw_rand_augment(
      {.operations = 50, .probability = 1, .magnitude = 3, .deviation = 0}, generator);
  ASSERT_EQ(all.size(), 50U);
  for (const AugmentStep& step : all) EXPECT_EQ(step.magnitude, 3);
  int lowest = 0, highest = 0;
  for (const AugmentStep& step :
       draw_rand_augment({.operations = 200, .probability = 1, .deviation = 1e300}, generator)) {
    lowest += step.magnitude == 0;
    highest += step.magnitude == 10;
  }
  EXPECT_EQ(lowest + highest, 200);
  EXPECT_NEAR(lowest, 100, 40);
}

TEST(RandAugment, EqualGeneratorsDrawTheSame) {
  PhiloxGenerator one({.seed = 4}), same({.seed = 4});
  const RandAugmentOptions options{.operations = 20};
  const auto steps = draw_rand_augment(options, one), again = draw_rand_augment(options, same);
  ASSERT_EQ(steps.size(), again.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(steps[i].operation, again[i].operation);
    EXPECT_EQ(steps[i].magnitude, again[i].magnitude);
    EXPECT_EQ(steps[i].negated, again[i].negated);
  }
}

TEST(RandAugment, WrongOptionsAreRefused) {
  PhiloxGenerator generator({.seed = 1});
  const auto refused = [&](const RandAugmentOptions& options, const std::string& message) {
    test::expect_error([&] { draw_rand_augment(options, generator); },
                       "[augmentation] RandAugment: expected " + message);
  };
  refused({.operations = -1}, "operations >= 0, got -1.");
  refused({.probability = 1.5}, "a probability from 0 to 1, got 1.5.");
  refused({.magnitude = 11}, "a magnitude from 0 to 10, got 11.");
  refused({.deviation = std::numeric_limits<double>::infinity()},
          "a finite deviation >= 0, got inf.");
  test::expect_error(
      [] {
        rand_augment_image(make_image(1, 1, "test"), {{AugmentOperation::invert, -1}});
      },
      "[augmentation] RandAugment: expected a magnitude from 0 to 10, got -1.");
}

}  // namespace
}  // namespace seqpe::data

#include "engine/data/image_training.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "engine/data/image_normalization.h"
#include "engine/ops/image_batch.h"
#include "tests/support/expect_error.h"
#include "tests/support/gray_image.h"

namespace seqpe::data {
namespace {

using test::gray_image;
using test::gray_values;

/// Everything that was drawn, in numbers.
std::vector<double> numbers_of(const ImageTrainingDraws& draws) {
  const Box& crop = draws.crop;
  std::vector<double> numbers;
  for (const std::int64_t side : {crop.top, crop.left, crop.height, crop.width})
    numbers.push_back(static_cast<double>(side));
  numbers.push_back(draws.flip);
  for (const AugmentStep& step : draws.rand_augment) {
    numbers.push_back(static_cast<double>(step.operation));
    numbers.push_back(step.magnitude);
    numbers.push_back(step.negated);
  }
  for (const ColorChange& change : draws.color_changes) numbers.push_back(change.amount);
  if (draws.erasing) {
    const Box& box = draws.erasing->box;
    for (const std::int64_t side : {box.top, box.left, box.height, box.width})
      numbers.push_back(static_cast<double>(side));
  }
  return numbers;
}

std::vector<double> draw(std::uint64_t seed, std::uint32_t epoch, std::uint64_t index) {
  PhiloxGenerator generator = image_training_generator(seed, epoch, index);
  return numbers_of(draw_image_training(300, 400, {}, generator));
}

TEST(ImageTraining, DrawsDependOnSeedEpochAndIndexAlone) {
  std::set<std::vector<double>> all;
  std::vector<std::vector<double>> forward;
  for (std::uint64_t index = 0; index < 20; ++index) {
    forward.push_back(draw(1, 2, index));
    all.insert(forward.back());
  }
  for (std::uint64_t index = 20; index-- > 0;) EXPECT_EQ(draw(1, 2, index), forward[index]);
  for (const auto& other : {draw(2, 2, 0), draw(1, 3, 0), draw(1, 2, 1ULL << 32)})
    all.insert(other);
  EXPECT_EQ(all.size(), 23U);  // no two of them equal
}

// A quarter of 300 x 400 pixels as a square has sides of 173.2, a 25th of 40 x 40 sides of 8.
TEST(ImageTraining, DrawsAreThoseOfTheOptions) {
  ImageTrainingOptions options{
      .size = 40,
      .crop = {0.25, 0.25, 1, 1},
      .rand_augment =
          RandAugmentOptions{.operations = 3, .probability = 1, .magnitude = 2, .deviation = 0},
      .color_jitter =
          ColorJitterOptions{.brightness = 0, .contrast = 0, .saturation = 0, .hue = 0.1},
      .erasing_probability = 1,
      .erasing = {0.04, 0.04, 1, 1}};
  PhiloxGenerator generator({.seed = 1});
  for (int i = 0; i < 50; ++i) {
    const ImageTrainingDraws draws = draw_image_training(300, 400, options, generator);
    EXPECT_EQ(draws.crop.height, 173);
    EXPECT_EQ(draws.crop.width, 173);
    ASSERT_EQ(draws.rand_augment.size(), 3U);
    for (const AugmentStep& step : draws.rand_augment) EXPECT_EQ(step.magnitude, 2);
    EXPECT_TRUE(draws.color_changes.empty()) << "beside RandAugment";
    ASSERT_TRUE(draws.erasing.has_value());
    const Box& box = draws.erasing->box;
    EXPECT_EQ(box.height, 8);
    EXPECT_EQ(box.width, 8);
    EXPECT_LE(box.top, 32);
    EXPECT_LE(box.left, 32);
  }
  options.rand_augment.reset();
  const auto changes = draw_image_training(300, 400, options, generator).color_changes;
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].property, ColorProperty::hue);
}

TEST(ImageTraining, SmallImagesAreShiftedBy4AtMost) {
  PhiloxGenerator generator({.seed = 1});
  std::set<std::pair<std::int64_t, std::int64_t>> corners;
  for (int i = 0; i < 2000; ++i) {
    const Box crop = draw_image_training(32, 32, {.size = 32}, generator).crop;
    corners.emplace(crop.top, crop.left);
    EXPECT_EQ(crop.height, 32);
    EXPECT_EQ(crop.width, 32);
  }
  EXPECT_EQ(corners.size(), 81U);
  EXPECT_EQ(corners.begin()->first, -4);
  EXPECT_EQ(corners.rbegin()->second, 4);
  for (int i = 0; i < 100; ++i) {
    const Box whole = draw_image_training(32, 32, {.size = 32, .padding = 0}, generator).crop;
    EXPECT_EQ(std::pair(whole.top, whole.left), std::pair(0L, 0L));
    const Box moved = draw_image_training(32, 32, {.size = 32, .padding = 1}, generator).crop;
    EXPECT_LE(std::max(std::abs(moved.top), std::abs(moved.left)), 1);
  }
}

TEST(ImageTraining, LargerOnesAreCropped) {
  PhiloxGenerator generator({.seed = 1});
  for (int i = 0; i < 100; ++i) {
    const Box crop = draw_image_training(32, 40, {.size = 33}, generator).crop;
    EXPECT_GE(std::min(crop.top, crop.left), 0);
    EXPECT_LE(crop.top + crop.height, 32);
    EXPECT_LE(crop.left + crop.width, 40);
  }
}

TEST(ImageTraining, OptionsTurnChangesOff) {
  PhiloxGenerator generator({.seed = 2});
  int flips = 0, steps = 0, erasings = 0;
  for (int i = 0; i < 200; ++i) {
    const ImageTrainingDraws usual = draw_image_training(64, 64, {}, generator);
    flips += usual.flip;
    steps += !usual.rand_augment.empty();
    erasings += usual.erasing.has_value();
    EXPECT_TRUE(usual.color_changes.empty());  // RandAugment takes their place
    const ImageTrainingDraws jittered = draw_image_training(
        64, 64, {.flip_probability = 1, .rand_augment = std::nullopt, .erasing_probability = 0},
        generator);
    EXPECT_TRUE(jittered.flip);
    EXPECT_TRUE(jittered.rand_augment.empty());
    EXPECT_EQ(jittered.color_changes.size(), 3U);
    EXPECT_FALSE(jittered.erasing);
    const ImageTrainingDraws plain = draw_image_training(
        64, 64, {.flip_probability = 0, .rand_augment = std::nullopt, .color_jitter = std::nullopt},
        generator);
    EXPECT_FALSE(plain.flip);
    EXPECT_TRUE(plain.color_changes.empty());
  }
  EXPECT_NEAR(flips, 100, 35);
  EXPECT_NEAR(steps, 150, 30);
  EXPECT_NEAR(erasings, 50, 30);
}

TEST(ImageTraining, CropsThenFlipsThenAugments) {
  // Columns 0 ... 19, of which 19 - x is at x when flipped, and then 19 - (x + 9).
  std::vector<std::uint8_t> columns(400);
  for (std::size_t i = 0; i < 400; ++i) columns[i] = static_cast<std::uint8_t>(i % 20);
  ImageTrainingDraws draws;
  draws.crop = {0, 0, 20, 20};
  draws.flip = true;
  draws.rand_augment = {{AugmentOperation::translate_x, 10}};
  const Image result = training_image(gray_image(20, 20, columns), 20, draws);
  for (std::size_t x = 0; x < 20; ++x)
    EXPECT_EQ(result.pixels[3 * x], x < 11 ? 10 - x : kImageNetMeanColor[0]) << x;
}

TEST(ImageTraining, BlackAroundASmallImage) {
  ImageTrainingDraws draws;
  draws.crop = {-1, 1, 2, 2};
  EXPECT_EQ(gray_values(training_image(gray_image(2, 2, {1, 2, 3, 4}), 2, draws)),
            (std::vector<std::uint8_t>{0, 0, 2, 0}));
}

TEST(ImageTraining, NoiseHasAKeyOfItsOwn) {
  const auto key = [](std::uint64_t seed, std::uint32_t epoch, std::uint64_t index) {
    const PhiloxKey noise = image_noise_key(seed, epoch, index);
    return std::tuple(noise.seed, noise.stream, noise.step);
  };
  EXPECT_EQ(std::set({key(1, 2, 3), key(2, 2, 3), key(1, 3, 3), key(1, 2, 4)}).size(), 4U);
  EXPECT_EQ(key(1, 2, 3), key(1, 2, 3));
  // Other numbers than those of the image's draws.
  EXPECT_NE(PhiloxGenerator(image_noise_key(1, 2, 3)).next_u64(),
            image_training_generator(1, 2, 3).next_u64());
}

Image some_image(std::int64_t height, std::int64_t width) {
  Image image = make_image(height, width, "test");
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(philox_word({.seed = 4}, i));
  return image;
}

/// What the model's device makes of it, alone in its batch.
std::vector<float> finished(const PreparedImage& prepared) {
  const Image& image = prepared.image;
  const Tensor pixels =
      Tensor::from<std::uint8_t>({1, image.height, image.width, Image::channels}, image.pixels);
  const Tensor planes =
      ops::image_batch(pixels, ops::image_placements({prepared.placement}), ops::image_mix({}),
                       kImageNetStatistics.mean, kImageNetStatistics.standard_deviation);
  const auto values = planes.span<float>();
  return {values.begin(), values.end()};
}

TEST(ImageTraining, WhatIsLeftToTheDeviceMakesItWhole) {
  struct Case {
    std::int64_t height, width, size;
    ImageTrainingDraws draws;
    bool moved;  // by the device
  };
  const std::vector<AugmentStep> shift{{AugmentOperation::translate_x, 5}};
  const std::vector<ColorChange> darker{{ColorProperty::brightness, 0.5}};
  const ErasingBox erasing{{3, 2, 5, 4}, 1};
  const std::vector<Case> cases{
      {9, 9, 9, {.crop = {-2, 3, 9, 9}, .flip = true, .erasing = erasing}, true},
      {9, 9, 9, {.crop = {100, 0, 9, 9}}, true},
      {9, 9, 9, {.crop = {0, -1, 9, 9}, .flip = true, .rand_augment = shift}, false},
      {9, 9, 9, {.crop = {1, -1, 9, 9}, .color_changes = darker, .erasing = erasing}, false},
      {40, 50, 9, {.crop = {3, 4, 20, 30}, .flip = true, .erasing = erasing}, false},
      {40, 50, 9, {.crop = {3, 4, 9, 9}}, false},
      {9, 9, 9, {.crop = {1, 2, 5, 6}, .flip = true}, false}};
  const PhiloxKey noise{.seed = 0x500000007, .stream = 8, .step = 9};
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::Message() << &c - cases.data());
    const Image image = some_image(c.height, c.width);
    const PreparedImage prepared = prepare_image(image, c.size, c.draws, noise);
    EXPECT_EQ(prepared.placement.top != 0 || prepared.placement.left != 0, c.moved);
    EXPECT_EQ(prepared.placement.flipped == 1,
              c.draws.flip && c.draws.rand_augment.empty() && c.draws.color_changes.empty());
    std::vector<float> planes(static_cast<std::size_t>(3 * c.size * c.size));
    normalize_image(training_image(image, c.size, c.draws), kImageNetStatistics, planes.data());
    for (std::size_t i = 0; c.draws.erasing && i < 5 * 4; ++i) {
      float numbers[3];
      image_noise(noise, i, numbers);
      for (std::size_t channel = 0; channel < 3; ++channel)
        planes[(channel * 9 + 3 + i / 4) * 9 + 2 + i % 4] = numbers[channel];
    }
    EXPECT_EQ(finished(prepared), planes);
  }
}

TEST(ImageTraining, WrongOptionsAreRefused) {
  PhiloxGenerator generator({.seed = 3});
  test::expect_error<DataError>(
      [&] { draw_image_training(28, 32, {.size = 32}, generator); },
      "[augmentation] training at size 32: expected images of height and width 32 (they are "
      "resized at sizes above 32 only), got height 28 and width 32.");
  test::expect_error([&] { draw_image_training(28, 28, {.size = 0}, generator); },
                     "[augmentation] training: expected a size >= 1, got 0.");
  test::expect_error([&] { draw_image_training(28, 28, {.size = 28, .padding = -1}, generator); },
                     "[augmentation] training: expected a padding >= 0, got -1.");
  test::expect_error([&] { draw_image_training(64, 64, {.flip_probability = 2}, generator); },
                     "[augmentation] training: expected a probability of flipping from 0 to 1, got "
                     "2.");
}

}  // namespace
}  // namespace seqpe::data

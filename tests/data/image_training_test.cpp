#include "engine/data/image_training.h"

#include <gtest/gtest.h>

#include <set>

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
  if (draws.erasing)
    numbers.insert(numbers.end(), draws.erasing->noise.begin(), draws.erasing->noise.end());
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

TEST(ImageTraining, ErasesWhatIsNormalised) {
  ImageTrainingDraws draws;
  draws.crop = {0, 0, 2, 2};
  draws.color_changes = {{ColorProperty::brightness, 0.5}};
  draws.erasing = {{0, 1, 1, 1}, {7, 8, 9}};
  const ImageStatistics statistics{{0, 0.2F, 0}, {1, 1, 2}};
  std::vector<float> planes(12);
  training_planes(gray_image(2, 2, {102, 102, 102, 204}), 2, draws, statistics, planes.data());
  const float dark = 51 / 255.0F, bright = 102 / 255.0F;
  EXPECT_EQ(planes, (std::vector<float>{dark, 7, dark, bright,                       //
                                        dark - 0.2F, 8, dark - 0.2F, bright - 0.2F,  //
                                        dark / 2, 9, dark / 2, bright / 2}));
}

TEST(ImageTraining, WrongOptionsAreRefused) {
  PhiloxGenerator generator({.seed = 3});
  test::expect_error<DataError>(
      [&] { draw_image_training(28, 32, {.size = 32}, generator); },
      "[augmentation] training at size 32: expected images of height and width 32 (they are "
      "resized at sizes above 32 only), got height 28 and width 32.");
  test::expect_error([&] { draw_image_training(28, 28, {.size = 0}, generator); },
                     "[augmentation] training: expected a size >= 1, got 0.");
  test::expect_error([&] { draw_image_training(64, 64, {.flip_probability = 2}, generator); },
                     "[augmentation] training: expected a probability of flipping from 0 to 1, got "
                     "2.");
}

}  // namespace
}  // namespace seqpe::data

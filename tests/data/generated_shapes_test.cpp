#include "engine/data/generated_shapes.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numbers>
#include <optional>
#include <set>
#include <vector>

#include "tests/support/expect_error.h"

namespace seqpe::data {
namespace {

constexpr std::uint64_t kSeed = 7;

/// Which shape a pixel belongs to, by its color alone.
std::optional<std::size_t> shape_at(const Image& image, std::int64_t row, std::int64_t column) {
  const auto* pixel = &image.pixels[static_cast<std::size_t>(3 * (row * image.width + column))];
  if (pixel[0] > pixel[2] + 60) return 0;  // red
  if (pixel[2] > pixel[0] + 60) return 1;  // blue
  return std::nullopt;
}

std::uint64_t sum_of(const Image& image) {
  std::uint64_t sum = 0;
  for (const std::uint8_t byte : image.pixels) sum = 31 * sum + byte;
  return sum;
}

/// Where a shape's pixels lie.
struct Seen {
  std::int64_t count = 0, top = 1 << 20, bottom = -1, left = 1 << 20, right = -1;
  double row = 0, column = 0;  // mean
};

std::array<Seen, 2> seen_in(const Image& image) {
  std::array<Seen, 2> all;
  for (std::int64_t row = 0; row < image.height; ++row) {
    for (std::int64_t column = 0; column < image.width; ++column) {
      const auto shape = shape_at(image, row, column);
      if (!shape) continue;
      Seen& seen = all[*shape];
      ++seen.count;
      seen.top = std::min(seen.top, row);
      seen.bottom = std::max(seen.bottom, row);
      seen.left = std::min(seen.left, column);
      seen.right = std::max(seen.right, column);
      seen.row += static_cast<double>(row);
      seen.column += static_cast<double>(column);
    }
  }
  for (Seen& seen : all) {
    seen.row /= static_cast<double>(seen.count);
    seen.column /= static_cast<double>(seen.count);
  }
  return all;
}

/// The eighth of a turn, clockwise from the right, in which the blue pixels lie as seen from the
/// red ones.
std::int64_t direction_in(const Image& image) {
  const auto [red, blue] = seen_in(image);
  const double turn = std::atan2(blue.row - red.row, blue.column - red.column) /
                      (2 * std::numbers::pi);  // rows grow downwards
  return (std::llround(8 * turn) + 8) % 8;
}

TEST(GeneratedShapes, TheLabelAloneIsThatOfTheImage) {
  for (std::int64_t index = 0; index < 100; ++index)
    EXPECT_EQ(generated_label(kSeed, index), generated_image(kSeed, index, 16).label) << index;
}

TEST(GeneratedShapes, TheLabelIsWhereTheBlueShapeLies) {
  for (const std::int64_t size : {16, 32, 48, 51, 64}) {
    for (std::int64_t index = 0; index < 400; ++index) {
      const GeneratedImage generated = generated_image(kSeed, index, size);
      ASSERT_EQ(generated.image.height, size);
      ASSERT_EQ(generated.image.width, size);
      ASSERT_EQ(direction_in(generated.image), generated.label) << index << " at size " << size;
    }
  }
}

TEST(GeneratedShapes, IsAFunctionOfSeedAndIndex) {
  const GeneratedImage one = generated_image(kSeed, 5, 32);
  generated_image(kSeed, 6, 32);
  const GeneratedImage again = generated_image(kSeed, 5, 32);
  EXPECT_EQ(one.image.pixels, again.image.pixels);
  EXPECT_EQ(one.label, again.label);
  std::set<std::uint64_t> different;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    for (std::int64_t index = 0; index < 20; ++index)
      different.insert(sum_of(generated_image(seed, index, 16).image));
  }
  EXPECT_EQ(different.size(), 100U);
}

/// A data set that is made anew everywhere must be the same everywhere.
TEST(GeneratedShapes, TheseBytesEverywhere) {
  const GeneratedImage one = generated_image(1, 1000, 32);
  EXPECT_EQ(one.label, 4);
  EXPECT_EQ(sum_of(one.image), 2992475746254046768U);
}

TEST(GeneratedShapes, EveryEightHoldEachClassOnceInAnyOrder) {
  std::set<std::vector<std::int64_t>> orders;
  for (std::int64_t eight = 0; eight < 50; ++eight) {
    std::vector<std::int64_t> labels;
    for (std::int64_t i = 0; i < 8; ++i)
      labels.push_back(generated_image(kSeed, 8 * eight + i, 16).label);
    orders.insert(labels);
    EXPECT_EQ(std::set<std::int64_t>(labels.begin(), labels.end()).size(), 8U);
  }
  EXPECT_GT(orders.size(), 45U);
}

TEST(GeneratedShapes, ALargerImageShowsTheSameScene) {
  for (std::int64_t index = 0; index < 50; ++index) {
    const GeneratedImage small = generated_image(kSeed, index, 32),
                         large = generated_image(kSeed, index, 96);
    EXPECT_EQ(small.label, large.label);
    const auto at_small = seen_in(small.image), at_large = seen_in(large.image);
    for (std::size_t shape = 0; shape < 2; ++shape) {
      // Middles of pixels, in pixels of the small image: a pixel's error at most.
      EXPECT_NEAR((at_large[shape].row + 0.5) / 3, at_small[shape].row + 0.5, 0.5);
      EXPECT_NEAR((at_large[shape].column + 0.5) / 3, at_small[shape].column + 0.5, 0.5);
    }
  }
}

TEST(GeneratedShapes, NoPatchOfAnEighthShowsBothShapes) {
  for (const std::int64_t size : {32, 64}) {
    for (std::int64_t index = 0; index < 400; ++index) {
      const auto [red, blue] = seen_in(generated_image(kSeed, index, size).image);
      ASSERT_GT(red.count, 4);
      ASSERT_GT(blue.count, 4);
      // From the last row or column of one to the first of the other.
      const std::int64_t apart = std::max({blue.top - red.bottom, red.top - blue.bottom,
                                           blue.left - red.right, red.left - blue.right});
      ASSERT_GE(apart, size / 8) << index << " at size " << size;
    }
  }
}

/// What a model that knows no positions sees: how much of each shape there is, and where in their
/// patches the shapes' edges lie. In every class alike.
TEST(GeneratedShapes, SizesAndPlacesInAPatchDoNotTellTheClass) {
  constexpr std::int64_t kImages = 16000, kPatch = 4;
  constexpr double kShare = 8.0 / kImages;
  std::array<double, 8> pixels{};
  std::array<std::array<std::array<double, kPatch>, 2>, 8> phases{};
  for (std::int64_t index = 0; index < kImages; ++index) {
    const GeneratedImage generated = generated_image(kSeed, index, 32);
    const auto [red, blue] = seen_in(generated.image);
    const auto label = static_cast<std::size_t>(generated.label);
    pixels[label] += kShare * static_cast<double>(red.count - blue.count);
    const auto phase = [](std::int64_t a, std::int64_t b) {
      return static_cast<std::size_t>((a - b + 32) % kPatch);
    };
    phases[label][0][phase(red.top, blue.top)] += kShare;
    phases[label][1][phase(red.left, blue.left)] += kShare;
  }
  for (std::size_t label = 0; label < 8; ++label) {
    // Of 2000 images a class: counts scatter by some 15 pixels, a share of a quarter by 0.01.
    EXPECT_NEAR(pixels[label], 0, 1.7) << label;
    for (const auto& along : phases[label]) {
      for (const double share : along) EXPECT_NEAR(share, 0.25, 0.05) << label;
    }
  }
}

TEST(GeneratedShapes, Errors) {
  test::expect_error<Error>([] { generated_image(1, 0, 15); },
                            "[generated_shapes] an image must have a size of at least 16, got 15.");
  test::expect_error<Error>([] { generated_image(1, -1, 32); },
                            "[generated_shapes] an index must be >= 0, got -1.");
  test::expect_error<Error>([] { generated_label(1, -1); },
                            "[generated_shapes] an index must be >= 0, got -1.");
}

}  // namespace
}  // namespace seqpe::data

#include "engine/data/generated_dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "engine/data/generated_shapes.h"

namespace seqpe::data {
namespace {

constexpr std::int64_t kCount = 64, kSize = 16;

TEST(GeneratedDataset, TellsWhatItIs) {
  const auto train = generated_dataset(Split::train, kCount, kSize),
             test = generated_dataset(Split::test, 8, 32);
  EXPECT_EQ(train->kind(), "generated shapes");
  EXPECT_EQ(train->split(), "train");
  EXPECT_EQ(test->split(), "test");
  EXPECT_EQ(train->count(), kCount);
  EXPECT_EQ(test->count(), 8);
  EXPECT_EQ(train->image(0).height, kSize);
  EXPECT_EQ(test->image(0).width, 32);
  EXPECT_EQ(test->classes(), train->classes());
}

TEST(GeneratedDataset, ALabelIsThatOfItsImage) {
  const auto train = generated_dataset(Split::train, kCount, kSize),
             test = generated_dataset(Split::test, kCount, kSize);
  std::map<std::int64_t, int> counts;
  for (std::int64_t i = 0; i < kCount; ++i) {
    const GeneratedImage first = generated_image(1, i, kSize),
                         second = generated_image(2, i, kSize);
    EXPECT_EQ(train->label(i), first.label) << i;
    EXPECT_EQ(train->image(i).pixels, first.image.pixels) << i;
    EXPECT_EQ(test->label(i), second.label) << i;
    EXPECT_EQ(test->image(i).pixels, second.image.pixels) << i;
    ++counts[train->label(i)];
  }
  for (std::int64_t label = 0; label < kGeneratedClasses; ++label) EXPECT_EQ(counts[label], 8);
}

TEST(GeneratedDataset, TheSplitsShareNoImage) {
  std::set<std::string> seen;
  for (const Split split : {Split::train, Split::test}) {
    const auto images = generated_dataset(split, kCount, kSize);
    for (std::int64_t i = 0; i < kCount; ++i) {
      const Image image = images->image(i);
      seen.emplace(image.pixels.begin(), image.pixels.end());
    }
  }
  EXPECT_EQ(seen.size(), 2U * kCount);
}

/// The name tells where the blue shape lies as seen from the red one.
TEST(GeneratedDataset, AClassIsNamedForItsDirection) {
  const auto images = generated_dataset(Split::test, kCount, 64);
  for (std::int64_t index = 0; index < kCount; ++index) {
    const Image image = images->image(index);
    double reds = 0, blues = 0, red_row = 0, red_column = 0, blue_row = 0, blue_column = 0;
    for (std::int64_t i = 0; i < image.height * image.width; ++i) {
      const auto* const pixel = &image.pixels[static_cast<std::size_t>(Image::channels * i)];
      const auto row = static_cast<double>(i / image.width),
                 column = static_cast<double>(i % image.width);
      if (pixel[0] > pixel[2] + 60) {
        ++reds;
        red_row += row;
        red_column += column;
      } else if (pixel[2] > pixel[0] + 60) {
        ++blues;
        blue_row += row;
        blue_column += column;
      }
    }
    const double down = blue_row / blues - red_row / reds,
                 right = blue_column / blues - red_column / reds;
    // Along an axis the other way is at most a third, diagonally at least a half.
    const double longer = std::max(std::abs(down), std::abs(right));
    std::string name;
    if (down > 0.43 * longer) name = "below";
    if (down < -0.43 * longer) name = "above";
    if (right > 0.43 * longer) name += name.empty() ? "right" : " right";
    if (right < -0.43 * longer) name += name.empty() ? "left" : " left";
    EXPECT_EQ(images->classes().at(static_cast<std::size_t>(images->label(index))), name) << index;
  }
}

}  // namespace
}  // namespace seqpe::data

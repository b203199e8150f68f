#include "kernels/common/image_number.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace seqpe {
namespace {

TEST(ImageNumber, NormalisedBytes) {
  EXPECT_EQ(normalized_byte(0, 0.5F, 0.25F), -2.0F);
  EXPECT_EQ(normalized_byte(255, 0.5F, 0.25F), 2.0F);
  EXPECT_EQ(normalized_byte(51, 0.0F, 1.0F), 0.2F);
}

// The polynomials are good to a few units, the radius to those of a logarithm and a root.
TEST(ImageNumber, PairsAreThoseOfBoxAndMuller) {
  for (std::uint32_t i = 0; i < 20000; ++i) {
    const std::uint32_t radius_word = i == 0   ? 0
                                      : i == 1 ? 0xffffffffu
                                               : philox_word({.seed = 1}, i),
                        angle_word = i < 8 ? i << 29 : philox_word({.seed = 2}, i);
    const NormalPair pair = normal_pair(radius_word, angle_word);
    const double uniform = (static_cast<float>(radius_word) + 0.5F) * 0x1p-32,
                 radius = std::sqrt(-2 * std::log(uniform)),
                 angle = (angle_word * 0x1p-32 - 0.125) * 2 * std::numbers::pi;
    ASSERT_NEAR(pair.first, radius * std::cos(angle), radius * 0x1p-21) << i;
    ASSERT_NEAR(pair.second, radius * std::sin(angle), radius * 0x1p-21) << i;
  }
  EXPECT_NEAR(normal_pair(0, 1u << 29).first, std::sqrt(66 * std::numbers::ln2), 1e-6);
  EXPECT_EQ(normal_pair(0xffffffffu, 0).first, 0);
}

// Bounds are six deviations of a mean over so many numbers.
TEST(ImageNumber, NoiseIsNormalAndIndependent) {
  constexpr int kPixels = 200'000;
  double sums[4] = {}, channels = 0, neighbours = 0, keys = 0;
  float before = 0;
  for (int pixel = 0; pixel < kPixels; ++pixel) {
    float noise[kImageChannels], other[kImageChannels];
    image_noise({.seed = 1, .stream = 2, .step = 3}, static_cast<std::uint64_t>(pixel), noise);
    image_noise({.seed = 1, .stream = 2, .step = 4}, static_cast<std::uint64_t>(pixel), other);
    for (const double value : noise) {
      double power = 1;
      for (double& sum : sums) sum += power *= value;
    }
    channels += noise[0] * noise[1] + noise[1] * noise[2] + noise[2] * noise[0];
    neighbours += noise[0] * before;
    keys += noise[0] * other[0];
    before = noise[0];
  }
  constexpr double count = 3.0 * kPixels;
  const double deviation = std::sqrt(1 / count);
  EXPECT_NEAR(sums[0] / count, 0, 6 * deviation);
  EXPECT_NEAR(sums[1] / count, 1, 6 * std::sqrt(2.0) * deviation);
  EXPECT_NEAR(sums[2] / count, 0, 6 * std::sqrt(15.0) * deviation);
  EXPECT_NEAR(sums[3] / count, 3, 6 * std::sqrt(96.0) * deviation);
  EXPECT_NEAR(channels / count, 0, 6 * deviation);
  EXPECT_NEAR(neighbours / kPixels, 0, 6 * std::sqrt(1.0 / kPixels));
  EXPECT_NEAR(keys / kPixels, 0, 6 * std::sqrt(1.0 / kPixels));
}

}  // namespace
}  // namespace seqpe

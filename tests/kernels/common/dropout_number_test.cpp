#include "kernels/common/dropout_number.h"

#include <gtest/gtest.h>

#include <cmath>

namespace seqpe {
namespace {

constexpr PhiloxKey kKey = {.seed = 1, .stream = 2, .step = 3};

TEST(DropoutNumber, HalvesOfTheWordsOfABlockInOrder) {
  for (const std::uint64_t block : {0ull, 1ull, 0xffffffffull, 0x100000000ull, ~0ull >> 3}) {
    const PhiloxBlock words = philox<7>(kKey, block);
    for (std::uint64_t i = 0; i < 8; ++i) {
      const std::uint32_t word = words.words[i / 2];
      EXPECT_EQ(dropout_number(kKey, 8 * block + i), i % 2 == 0 ? word & 0xffff : word >> 16);
    }
  }
}

TEST(DropoutNumber, Threshold) {
  EXPECT_EQ(dropout_threshold(0.0), 0u);  // keeps every element
  EXPECT_EQ(dropout_threshold(0x1p-18), 0u);
  EXPECT_EQ(dropout_threshold(0x1p-16), 1u);
  EXPECT_EQ(dropout_threshold(0.1), 6554u);  // 6553.6
  EXPECT_EQ(dropout_threshold(0.5), 0x8000u);
  EXPECT_EQ(dropout_threshold(1.0 - 0x1p-20), 65535u);  // some are kept
}

// Of n elements np are dropped, give or take a few times the root of np(1 - p); and neighbours,
// which share a word, are dropped together p^2 of the time.
TEST(DropoutNumber, SharesAreThoseOfIndependentElements) {
  constexpr int kCount = 1 << 20;
  const double p = 0.1;
  int dropped = 0, together = 0;
  bool last = false;
  for (std::uint64_t e = 0; e < kCount; ++e) {
    const bool now = dropout_number(kKey, e) < dropout_threshold(p);
    dropped += now;
    together += now && last;
    last = now;
  }
  EXPECT_NEAR(dropped, kCount * p, 4 * std::sqrt(kCount * p * (1 - p)));
  EXPECT_NEAR(together, kCount * p * p, 4 * std::sqrt(kCount * p * p));
}

}  // namespace
}  // namespace seqpe

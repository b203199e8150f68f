#include "engine/core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <vector>

namespace seqpe {
namespace {

constexpr PhiloxKey kKey{.seed = 42, .stream = 7, .step = 3};

TEST(Random, KnownAnswers) {
  // Salmon et al.'s known answers of philox4x32-10 with counter and key 0; then the second block.
  PhiloxGenerator random(PhiloxKey{});
  for (const std::uint32_t word : {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}) {
    EXPECT_EQ(random.next_u32(), word);
  }
  EXPECT_EQ(random.next_u32(), philox_word({}, 4));
  EXPECT_EQ(PhiloxGenerator(PhiloxKey{}).next_u64(), 0x6627e8d5e169c58dull);
  EXPECT_EQ(PhiloxGenerator(PhiloxKey{}).uniform(),
            static_cast<double>(0x6627e8d5e169c58dull >> 11) / 9007199254740992.0);
  EXPECT_EQ(PhiloxGenerator(PhiloxKey{}).uniform_int(1000),
            static_cast<std::int64_t>(0x6627e8d5e169c58dull % 1000));
}

TEST(Random, EveryPartOfTheKeyMatters) {
  const auto first = [](const PhiloxKey& key) { return PhiloxGenerator(key).next_u64(); };
  EXPECT_EQ(first(kKey), first(kKey));
  EXPECT_NE(first(kKey), first({.seed = 43, .stream = 7, .step = 3}));
  EXPECT_NE(first(kKey), first({.seed = 42 + (1ull << 32), .stream = 7, .step = 3}));
  EXPECT_NE(first(kKey), first({.seed = 42, .stream = 8, .step = 3}));
  EXPECT_NE(first(kKey), first({.seed = 42, .stream = 7, .step = 4}));
}

TEST(Random, UniformFillsTheUnitInterval) {
  PhiloxGenerator random(kKey);
  constexpr int kDraws = 50000;
  double sum = 0, least = 1, largest = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double draw = random.uniform();
    sum += draw;
    least = std::min(least, draw);
    largest = std::max(largest, draw);
  }
  EXPECT_GE(least, 0.0);
  EXPECT_LT(largest, 1.0);
  EXPECT_LT(least, 1e-3);
  EXPECT_GT(largest, 1 - 1e-3);
  EXPECT_NEAR(sum / kDraws, 0.5, 5 * std::sqrt(1.0 / 12 / kDraws));
}

TEST(Random, UniformIntIsUnbiased) {
  // 2^64 draws do not divide evenly into 3 * 2^61 numbers: a plain remainder would give the lower
  // two thirds three draws each and the rest two, a share of 0.75.
  constexpr std::int64_t kCount = std::int64_t{3} << 61;
  constexpr int kDraws = 20000;
  PhiloxGenerator random(kKey);
  int lower = 0;
  for (int i = 0; i < kDraws; ++i) {
    const std::int64_t draw = random.uniform_int(kCount);
    ASSERT_TRUE(draw >= 0 && draw < kCount);
    lower += draw < kCount / 3 * 2;
  }
  const double deviation = std::sqrt(2.0 / 9 / kDraws);
  EXPECT_NEAR(static_cast<double>(lower) / kDraws, 2.0 / 3, 5 * deviation);
}

TEST(Random, UniformIntReachesEveryNumberEqually) {
  constexpr int kCount = 7, kDraws = 35000;
  PhiloxGenerator random(kKey);
  std::vector<int> seen(kCount, 0);
  for (int i = 0; i < kDraws; ++i) ++seen[static_cast<std::size_t>(random.uniform_int(kCount))];
  for (const int times : seen) EXPECT_NEAR(times, kDraws / kCount, 5 * std::sqrt(kDraws / kCount));
  EXPECT_EQ(random.uniform_int(1), 0);
}

TEST(Random, NormalMoments) {
  PhiloxGenerator random(kKey);
  constexpr int kDraws = 100000;
  double sums[4] = {}, neighbours = 0, before = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double draw = random.normal();
    double power = 1;
    for (double& sum : sums) sum += (power *= draw) / kDraws;
    neighbours += draw * before / kDraws;
    before = draw;
  }
  // Standard deviations of the sample moments of a normal: sqrt(1, 2, 15, 96 / draws).
  const double unit = 5 / std::sqrt(kDraws);
  EXPECT_NEAR(sums[0], 0, unit);
  EXPECT_NEAR(sums[1], 1, unit * std::sqrt(2.0));
  EXPECT_NEAR(sums[2], 0, unit * std::sqrt(15.0));
  EXPECT_NEAR(sums[3], 3, unit * std::sqrt(96.0));
  EXPECT_NEAR(neighbours, 0, unit) << "the two numbers of a pair are independent";
}

TEST(Random, ShuffleIsAPermutation) {
  for (const std::size_t size : {0u, 1u, 2u, 100u}) {
    std::vector<int> sorted(size);
    std::iota(sorted.begin(), sorted.end(), 0);
    std::vector<int> items = sorted;
    PhiloxGenerator(kKey).shuffle(std::span<int>(items));
    EXPECT_TRUE(std::is_permutation(items.begin(), items.end(), sorted.begin())) << size;
    EXPECT_TRUE(size < 100 || items != sorted);
  }
}

TEST(Random, ShuffleReachesEveryOrderEqually) {
  constexpr int kShuffles = 12000, kOrders = 24;
  PhiloxGenerator random(kKey);
  std::map<std::vector<int>, int> seen;
  for (int i = 0; i < kShuffles; ++i) {
    std::vector<int> items{0, 1, 2, 3};
    random.shuffle(std::span<int>(items));
    ++seen[items];
  }
  EXPECT_EQ(seen.size(), kOrders);
  for (const auto& [order, times] : seen) {
    EXPECT_NEAR(times, kShuffles / kOrders, 5 * std::sqrt(kShuffles / kOrders));
  }
}

}  // namespace
}  // namespace seqpe

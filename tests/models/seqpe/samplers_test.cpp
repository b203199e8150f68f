#include "models/seqpe/samplers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <set>
#include <string>

#include "tests/support/expect_error.h"

namespace seqpe::models {
namespace {

using Positions = std::vector<std::int64_t>;

std::set<std::int64_t> distinct(const Positions& positions) {
  return {positions.begin(), positions.end()};
}

// ---- Shift

constexpr std::int64_t kLength = 16, kBatch = 12;

ShiftSampler shift(double rate, std::int64_t pool = 20, std::int64_t blocks = 3,
                   std::int64_t batch = kBatch, std::uint64_t seed = 1) {
  return ShiftSampler({.rate = rate, .pool = pool, .blocks = blocks}, PositionSpace(100), {kLength},
                      batch, seed);
}

TEST(ShiftSampler, StartsAreDistinctAndTheBlocksStayInside) {
  ShiftSampler sampler = shift(1.0);
  std::set<std::int64_t> seen;
  for (std::int64_t step = 0; step < 200; ++step) {
    const Positions starts = sampler.starts(step);
    ASSERT_EQ(starts.size(), 3u);
    EXPECT_EQ(distinct(starts).size(), 3u);
    for (const std::int64_t start : starts) {
      EXPECT_TRUE(start >= 0 && start + kLength <= 100) << start;
    }
    seen.insert(starts.begin(), starts.end());
  }
  EXPECT_EQ(seen.size(), 20u) << "the pool, all of it";
}

TEST(ShiftSampler, ThePoolMayBeAllStarts) {
  ShiftSampler sampler = shift(1.0, 85, 1);
  std::set<std::int64_t> seen;
  for (std::int64_t step = 0; step < 85; ++step) seen.insert(sampler.starts(step).at(0));
  EXPECT_EQ(seen.size(), 85u);
  EXPECT_EQ(*seen.rbegin(), 84) << "the last block ends at max_position";
}

TEST(ShiftSampler, WalksThePoolRunByRun) {
  // 20 starts in runs of 3: an epoch of 6 shifted steps has 18 different starts.
  ShiftSampler sampler = shift(1.0);
  for (std::int64_t epoch = 0; epoch < 5; ++epoch) {
    Positions all;
    for (std::int64_t run = 0; run < 6; ++run) {
      const Positions starts = sampler.starts(6 * epoch + run);
      all.insert(all.end(), starts.begin(), starts.end());
    }
    EXPECT_EQ(distinct(all).size(), 18u);
  }
}

TEST(ShiftSampler, RateIsTheShareOfShiftedSteps) {
  ShiftSampler sampler = shift(0.25);
  constexpr int kSteps = 4000;
  int shifted = 0;
  for (std::int64_t step = 0; step < kSteps; ++step) {
    const Positions starts = sampler.starts(step);
    if (starts.size() == 3) {
      ++shifted;
    } else {
      EXPECT_EQ(starts, Positions{0});
    }
  }
  EXPECT_NEAR(shifted, kSteps / 4, 5 * std::sqrt(kSteps * 0.25 * 0.75));
  ShiftSampler never = shift(0.0);
  for (std::int64_t step = 0; step < 100; ++step) EXPECT_EQ(never.starts(step), Positions{0});
}

TEST(ShiftSampler, ABatchThatTheBlocksDoNotDivideHasOne) {
  ShiftSampler sampler = shift(1.0, 20, 5);
  std::set<std::int64_t> seen;
  for (std::int64_t step = 0; step < 20; ++step) {
    ASSERT_EQ(sampler.starts(step).size(), 1u);
    seen.insert(sampler.starts(step)[0]);
  }
  EXPECT_EQ(seen.size(), 20u);
}

TEST(ShiftSampler, IsAFunctionOfSeedAndStep) {
  ShiftSampler walking = shift(0.5), jumping = shift(0.5), other = shift(0.5, 20, 3, kBatch, 2);
  std::vector<Positions> all;
  int different = 0;
  for (std::int64_t step = 0; step < 100; ++step) {
    all.push_back(walking.starts(step));
    different += all.back() != other.starts(step);
  }
  EXPECT_GT(different, 50);
  for (const std::int64_t step : {99, 98, 3, 50, 51, 0}) {
    EXPECT_EQ(jumping.starts(step), all[static_cast<std::size_t>(step)]) << step;
  }
}

TEST(ShiftSampler, Errors) {
  const auto make = [](const ShiftOptions& options, std::int64_t max_position) {
    return [=] { ShiftSampler(options, PositionSpace(max_position), {kLength}, kBatch, 1); };
  };
  test::expect_error<ConfigError>(
      make({.rate = 0.0}, 15),
      "[seqpe] seqpe.max_position must be at least data.block_size 16, got 15.");
  test::expect_error<ConfigError>(
      make({.rate = 0.1, .pool = 2, .blocks = 3}, 100),
      "[seqpe] seqpe.shift.pool must be at least seqpe.shift.blocks 3, got 2.");
  test::expect_error<ConfigError>(
      make({.rate = 0.1, .pool = 86, .blocks = 3}, 100),
      "[seqpe] seqpe.shift.pool must be at most 85 (the starts of blocks of 16 below "
      "seqpe.max_position 100), got 86.");
  EXPECT_NO_THROW(make({.rate = 0.0, .pool = 320}, 16)()) << "without shifts the pool is unused";
}

// ---- Contrastive

struct MixtureCase {
  const char* name;
  Mixture mixture;
  MixtureShares shares;
};

std::ostream& operator<<(std::ostream& out, const MixtureCase& test_case) {
  return out << test_case.name;
}

class ContrastiveSamplerTest : public testing::TestWithParam<MixtureCase> {
 protected:
  static constexpr std::int64_t kMaxPosition = 5000, kPivots = 50, kCandidates = 12;
  ContrastiveSampler sampler(std::uint64_t seed = 1) const {
    return ContrastiveSampler({.pivots = kPivots,
                               .candidates = kCandidates,
                               .mixture = GetParam().mixture,
                               .local_range = 40},
                              PositionSpace(kMaxPosition), seed, 10, GetParam().shares);
  }
};

/// The candidates of pivot p.
Positions row(const ContrastiveSample& sample, std::size_t p) {
  const std::size_t count = sample.candidates.size() / sample.pivots.size();
  const auto first = sample.candidates.begin() + static_cast<std::ptrdiff_t>(p * count);
  return {first, first + static_cast<std::ptrdiff_t>(count)};
}

TEST_P(ContrastiveSamplerTest, CandidatesAreDistinctInsideAndNotThePivot) {
  ContrastiveSampler contrastive = sampler();
  Positions pivots;
  for (std::int64_t step = 0; step < 100; ++step) {
    const ContrastiveSample sample = contrastive.sample(step);
    ASSERT_EQ(sample.pivots.size(), static_cast<std::size_t>(kPivots));
    ASSERT_EQ(sample.candidates.size(), static_cast<std::size_t>(kPivots * kCandidates));
    ASSERT_EQ(sample.labels.size(), static_cast<std::size_t>(kPivots));
    for (std::size_t p = 0; p < sample.pivots.size(); ++p) {
      const Positions candidates = row(sample, p);
      const auto unique = distinct(candidates);
      ASSERT_EQ(unique.size(), candidates.size());
      ASSERT_TRUE(*unique.begin() >= 0 && *unique.rbegin() < kMaxPosition);
      ASSERT_EQ(unique.count(sample.pivots[p]), 0u);
      // The label is the first candidate at the least distance.
      std::int64_t nearest = 0;
      const auto distance = [&](std::int64_t i) {
        return std::abs(candidates[static_cast<std::size_t>(i)] - sample.pivots[p]);
      };
      for (std::int64_t i = 1; i < kCandidates; ++i) {
        if (distance(i) < distance(nearest)) nearest = i;
      }
      ASSERT_EQ(sample.labels[p], nearest);
    }
    pivots.insert(pivots.end(), sample.pivots.begin(), sample.pivots.end());
  }
  EXPECT_EQ(distinct(pivots).size(), static_cast<std::size_t>(kMaxPosition))
      << "100 steps of 50 pivots walk through all positions";
}

TEST_P(ContrastiveSamplerTest, IsAFunctionOfSeedAndStep) {
  ContrastiveSampler walking = sampler(), jumping = sampler(), other = sampler(2);
  for (std::int64_t step = 0; step < 5; ++step) walking.sample(step);
  const ContrastiveSample there = walking.sample(5), jumped = jumping.sample(5);
  EXPECT_EQ(there.pivots, jumped.pivots);
  EXPECT_EQ(there.candidates, jumped.candidates);
  EXPECT_EQ(there.labels, jumped.labels);
  EXPECT_NE(there.candidates, walking.sample(6).candidates);
  EXPECT_NE(there.candidates, other.sample(5).candidates);
  EXPECT_NE(there.pivots, other.sample(5).pivots);
}

INSTANTIATE_TEST_SUITE_P(Mixtures, ContrastiveSamplerTest,
                         testing::Values(MixtureCase{"uniform", Mixture::uniform, {}},
                                         MixtureCase{"mixed", Mixture::mixed, {}},
                                         MixtureCase{"hard", Mixture::mixed, {1.0, 0.0, 0.5}},
                                         MixtureCase{"local", Mixture::mixed, {0.0, 1.0}}),
                         testing::PrintToStringParamName());

ContrastiveSample many(Mixture mixture, const MixtureShares& shares, std::int64_t pivots = 1000) {
  const ContrastiveOptions options{
      .pivots = pivots, .candidates = 12, .mixture = mixture, .local_range = 40};
  return ContrastiveSampler(options, PositionSpace(90000), 1, 10, shares).sample(0);
}

TEST(ContrastiveSampler, LocalCandidatesLieInOneWindowAnywhere) {
  const ContrastiveSample sample = many(Mixture::mixed, {0.0, 1.0});
  Positions firsts;
  for (std::size_t p = 0; p < sample.pivots.size(); ++p) {
    Positions window = row(sample, p);
    firsts.push_back(window[0]);
    // The pivot inside its own window is left out: then a uniform one fills up at the end.
    const auto near = std::abs(window[0] - sample.pivots[p]) < 40;
    if (near) window.pop_back();
    const auto [low, high] = std::minmax_element(window.begin(), window.end());
    EXPECT_LT(*high - *low, 40);
  }
  const auto [low, high] = std::minmax_element(firsts.begin(), firsts.end());
  EXPECT_LT(*low, 2000) << "windows begin anywhere";
  EXPECT_GT(*high, 88000);
}

TEST(ContrastiveSampler, AWindowAsLargeAsThereArePositions) {
  const ContrastiveOptions options{.pivots = 30, .candidates = 9, .local_range = 256};
  const ContrastiveSample sample = ContrastiveSampler(options, PositionSpace(10), 1).sample(0);
  for (std::size_t p = 0; p < sample.pivots.size(); ++p) {
    EXPECT_EQ(distinct(row(sample, p)).size(), 9u) << "all positions but the pivot";
  }
}

/// Insertions, deletions and replacements that lead from one word to the other.
std::size_t edits_between(const std::string& a, const std::string& b) {
  std::vector<std::size_t> above(b.size() + 1), current(b.size() + 1);
  std::iota(above.begin(), above.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      current[j] = std::min(
          {above[j] + 1, current[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
    }
    std::swap(above, current);
  }
  return above.back();
}

TEST(ContrastiveSampler, HardCandidatesLookAlikeButLieFarther) {
  const auto mean_edits = [](const ContrastiveSample& sample) {
    double edits = 0;
    for (std::size_t p = 0; p < sample.pivots.size(); ++p) {
      edits += static_cast<double>(
          edits_between(std::to_string(sample.pivots[p]), std::to_string(row(sample, p)[0])));
    }
    return edits / static_cast<double>(sample.pivots.size());
  };
  // Six of twelve are edited 1 to 3 times, a swap being two of these edits. The few that are too
  // near are dropped, so the first candidate nearly always is one.
  const ContrastiveSample hard = many(Mixture::mixed, {1.0, 0.0, 0.5});
  EXPECT_LT(mean_edits(hard), 2.6);
  EXPECT_GT(mean_edits(many(Mixture::uniform, {})), 3.6);
  const auto others_are_nearer = std::count_if(hard.labels.begin(), hard.labels.end(),
                                               [](std::int64_t label) { return label > 0; });
  EXPECT_GT(others_are_nearer, 950) << "the nearest is hardly ever the one that looks alike";
}

TEST(ContrastiveSampler, SharesOfTheMixture) {
  // Only local rows lie closely together.
  const auto narrow = [](const ContrastiveSample& sample) {
    double count = 0;
    for (std::size_t p = 0; p < sample.pivots.size(); ++p) {
      const Positions candidates = row(sample, p);
      const auto [low, high] = std::minmax_element(candidates.begin(), candidates.end());
      count += *high - *low < 40;
    }
    return count / static_cast<double>(sample.pivots.size());
  };
  const double scatter = 5 * std::sqrt(0.25 / 2000);
  EXPECT_NEAR(narrow(many(Mixture::mixed, {}, 2000)), 0.6, scatter);
  EXPECT_NEAR(narrow(many(Mixture::mixed, {0.3, 0.2}, 2000)), 0.2, scatter);
  EXPECT_EQ(narrow(many(Mixture::uniform, {0.0, 1.0}, 2000)), 0.0);
}

TEST(ContrastiveSampler, OtherBases) {
  for (const std::int64_t base : {2, 3, 256}) {
    const ContrastiveOptions options{.pivots = 64, .candidates = 8, .local_range = 8};
    ContrastiveSampler sampler(options, PositionSpace(64), 1, base, {1.0, 0.0, 0.5});
    const ContrastiveSample sample = sampler.sample(0);
    for (std::size_t p = 0; p < sample.pivots.size(); ++p) {
      const auto unique = distinct(row(sample, p));
      EXPECT_EQ(unique.size(), 8u);
      EXPECT_LT(*unique.rbegin(), 64);
    }
  }
}

TEST(ContrastiveSampler, Errors) {
  const auto make = [](const ContrastiveOptions& options, std::int64_t max_position) {
    return [=] { ContrastiveSampler(options, PositionSpace(max_position), 1); };
  };
  test::expect_error<ConfigError>(
      make({.candidates = 0}, 100),
      "[seqpe] seqpe.contrastive.candidates must be at least 1, got 0.");
  test::expect_error<ConfigError>(
      make({.candidates = 32}, 32),
      "[seqpe] seqpe.max_position must exceed seqpe.contrastive.candidates 32, got 32.");
  test::expect_error<ConfigError>(
      make({.candidates = 32, .local_range = 31}, 100),
      "[seqpe] seqpe.contrastive.local_range must be at least seqpe.contrastive.candidates 32, got "
      "31.");
  EXPECT_NO_THROW(make({.candidates = 32, .mixture = Mixture::uniform, .local_range = 1}, 100)());
}

// ---- Transfer

TEST(TransferSampler, StartsWalkThroughAllAndIndicesAreDistinct) {
  // Starts lie in [16 / 4, 100 - 16): 80 of them, ten steps of eight.
  TransferSampler sampler({.starts = 8, .indices = 6}, PositionSpace(100), {16}, 1);
  Positions starts;
  std::set<std::int64_t> indices;
  for (std::int64_t step = 0; step < 10; ++step) {
    const TransferSample sample = sampler.sample(step);
    ASSERT_EQ(sample.starts.size(), 8u);
    ASSERT_EQ(sample.indices.size(), 48u);
    for (std::size_t s = 0; s < 8; ++s) {
      const auto first = sample.indices.begin() + static_cast<std::ptrdiff_t>(6 * s);
      EXPECT_EQ(distinct(Positions(first, first + 6)).size(), 6u);
    }
    starts.insert(starts.end(), sample.starts.begin(), sample.starts.end());
    indices.insert(sample.indices.begin(), sample.indices.end());
  }
  const auto seen = distinct(starts);
  EXPECT_EQ(seen.size(), 80u);
  EXPECT_EQ(*seen.begin(), 4);
  EXPECT_EQ(*seen.rbegin(), 83);
  EXPECT_EQ(indices.size(), 16u) << "[0, length)";
}

TEST(TransferSampler, IsAFunctionOfSeedAndStep) {
  const TransferOptions options{.starts = 8, .indices = 6};
  const PositionSpace space(100);
  TransferSampler walking(options, space, {16}, 1), jumping(options, space, {16}, 1),
      other(options, space, {16}, 2);
  for (std::int64_t step = 0; step < 30; ++step) walking.sample(step);
  const TransferSample there = walking.sample(30), jumped = jumping.sample(30);
  EXPECT_EQ(there.starts, jumped.starts);
  EXPECT_EQ(there.indices, jumped.indices);
  EXPECT_NE(there.starts, other.sample(30).starts);
  EXPECT_NE(there.indices, other.sample(30).indices);
}

TEST(TransferSampler, Errors) {
  test::expect_error<ConfigError>(
      [] { TransferSampler({.indices = 4}, PositionSpace(20), {16}, 1); },
      "[seqpe] seqpe.max_position must exceed data.block_size 16 plus a quarter of it, so that "
      "blocks outside the trained one exist, got 20.");
  test::expect_error<ConfigError>(
      [] { TransferSampler({.indices = 17}, PositionSpace(100), {16}, 1); },
      "[seqpe] seqpe.transfer.indices must be at most data.block_size 16, got 17.");
  EXPECT_NO_THROW(
      TransferSampler({.starts = 1, .indices = 16}, PositionSpace(21), {16}, 1).sample(0));
}

}  // namespace
}  // namespace seqpe::models

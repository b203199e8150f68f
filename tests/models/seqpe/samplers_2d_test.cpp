// The samplers over the positions of image patches: (row, column), grids that are not square.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>

#include "models/seqpe/samplers.h"
#include "tests/support/expect_error.h"

namespace seqpe::models {
namespace {

using Integers = std::vector<std::int64_t>;
using Cell = std::pair<std::int64_t, std::int64_t>;

std::vector<Cell> cells_of(const Integers& positions) {
  std::vector<Cell> cells;
  for (std::size_t i = 0; i + 1 < positions.size(); i += 2)
    cells.emplace_back(positions[i], positions[i + 1]);
  return cells;
}

std::set<Cell> distinct(const std::vector<Cell>& cells) {
  return {cells.begin(), cells.end()};
}

std::set<Cell> rectangle(std::int64_t rows, std::int64_t columns) {
  std::set<Cell> cells;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) cells.emplace(row, column);
  }
  return cells;
}

// ---- Shift

TEST(ShiftSampler2d, StartsOfAGridLieWhereItFits) {
  // 3 x 5 patches in 10 x 10 cells: 8 x 6 starts, here all of them.
  ShiftSampler sampler({.rate = 1.0, .pool = 48, .blocks = 4}, PositionSpace(110, 2), {3, 5}, 8, 1);
  std::vector<Cell> seen;
  for (std::int64_t step = 0; step < 12; ++step) {
    const Integers starts = sampler.starts(step);
    ASSERT_EQ(starts.size(), 8U);
    for (const Cell& start : cells_of(starts)) seen.push_back(start);
  }
  EXPECT_EQ(seen.size(), 48U);
  EXPECT_EQ(distinct(seen), rectangle(8, 6)) << "12 runs of 4 walk through the pool";
}

TEST(ShiftSampler2d, WithoutAShiftTheStartIsTheOrigin) {
  ShiftSampler never({.rate = 0.0}, PositionSpace(100, 2), {3, 5}, 8, 1);
  for (std::int64_t step = 0; step < 20; ++step) EXPECT_EQ(never.starts(step), (Integers{0, 0}));
}

TEST(ShiftSampler2d, IsAFunctionOfSeedAndStep) {
  const auto make = [](std::uint64_t seed) {
    return ShiftSampler({.rate = 0.5, .pool = 20, .blocks = 2}, PositionSpace(100, 2), {3, 5}, 8,
                        seed);
  };
  ShiftSampler walking = make(1), jumping = make(1), other = make(2);
  std::vector<Integers> all;
  int different = 0;
  for (std::int64_t step = 0; step < 60; ++step) {
    all.push_back(walking.starts(step));
    different += all.back() != other.starts(step);
  }
  EXPECT_GT(different, 25);
  for (const std::int64_t step : {59, 3, 30})
    EXPECT_EQ(jumping.starts(step), all[static_cast<std::size_t>(step)]) << step;
}

TEST(ShiftSampler2d, Errors) {
  const auto make = [](const ShiftOptions& options, std::int64_t max_position, Extent window) {
    return [=] { ShiftSampler(options, PositionSpace(max_position, 2), window, 8, 1); };
  };
  test::expect_error<ConfigError>(
      make({.rate = 0.0}, 195, {14, 9}),
      "[seqpe] seqpe.max_position must be at least 196 (14 x 14 cells) for grids of 14 x 9 "
      "patches, got 195 (13 x 13 cells).");
  EXPECT_NO_THROW(make({.rate = 0.0}, 196, {9, 14})());
  test::expect_error<ConfigError>(
      make({.rate = 0.1, .pool = 49, .blocks = 4}, 100, {3, 5}),
      "[seqpe] seqpe.shift.pool must be at most 48 (the starts of grids of 3 x 5 below "
      "seqpe.max_position 100 (10 x 10 cells)), got 49.");
  test::expect_error<Error>(make({.rate = 0.0}, 100, {3}),
                            "[seqpe] a window must have one size for each of 2 dimensions, got 1.");
}

// ---- Contrastive

struct Case {
  const char* name;
  Mixture mixture;
  MixtureShares shares;
};

std::ostream& operator<<(std::ostream& out, const Case& test_case) {
  return out << test_case.name;
}

/// The candidates of pivot p.
std::vector<Cell> row(const ContrastiveSample& sample, std::size_t p) {
  const std::vector<Cell> all = cells_of(sample.candidates);
  const std::size_t count = all.size() / sample.labels.size();
  const auto first = all.begin() + static_cast<std::ptrdiff_t>(p * count);
  return {first, first + static_cast<std::ptrdiff_t>(count)};
}

std::int64_t squared_distance(const Cell& a, const Cell& b) {
  const std::int64_t rows = a.first - b.first, columns = a.second - b.second;
  return rows * rows + columns * columns;
}

class ContrastiveSampler2dTest : public testing::TestWithParam<Case> {
 protected:
  static constexpr std::int64_t kSide = 30, kPivots = 20, kCandidates = 12;
  ContrastiveSampler sampler(std::uint64_t seed = 1) const {
    return ContrastiveSampler(
        {.pivots = kPivots, .candidates = kCandidates, .mixture = GetParam().mixture},
        PositionSpace(kSide * kSide + 5, 2), seed, 10, GetParam().shares);
  }
};

TEST_P(ContrastiveSampler2dTest, CandidatesAreDistinctInsideAndNotThePivot) {
  ContrastiveSampler contrastive = sampler();
  std::vector<Cell> pivots;
  for (std::int64_t step = 0; step < kSide * kSide / kPivots; ++step) {
    const ContrastiveSample sample = contrastive.sample(step);
    ASSERT_EQ(sample.pivots.size(), static_cast<std::size_t>(2 * kPivots));
    ASSERT_EQ(sample.candidates.size(), static_cast<std::size_t>(2 * kPivots * kCandidates));
    ASSERT_EQ(sample.labels.size(), static_cast<std::size_t>(kPivots));
    const std::vector<Cell> of_step = cells_of(sample.pivots);
    for (std::size_t p = 0; p < of_step.size(); ++p) {
      const std::vector<Cell> candidates = row(sample, p);
      ASSERT_EQ(distinct(candidates).size(), candidates.size());
      ASSERT_EQ(distinct(candidates).count(of_step[p]), 0U);
      std::size_t nearest = 0;
      for (std::size_t i = 0; i < candidates.size(); ++i) {
        const auto& [r, c] = candidates[i];
        ASSERT_TRUE(r >= 0 && r < kSide && c >= 0 && c < kSide) << r << ", " << c;
        if (squared_distance(candidates[i], of_step[p]) <
            squared_distance(candidates[nearest], of_step[p]))
          nearest = i;
      }
      ASSERT_EQ(sample.labels[p], static_cast<std::int64_t>(nearest));
    }
    pivots.insert(pivots.end(), of_step.begin(), of_step.end());
  }
  EXPECT_EQ(distinct(pivots), rectangle(kSide, kSide)) << "pivots walk through all cells";
}

TEST_P(ContrastiveSampler2dTest, IsAFunctionOfSeedAndStep) {
  ContrastiveSampler walking = sampler(), jumping = sampler(), other = sampler(2);
  for (std::int64_t step = 0; step < 5; ++step) walking.sample(step);
  const ContrastiveSample there = walking.sample(5), jumped = jumping.sample(5);
  EXPECT_EQ(there.pivots, jumped.pivots);
  EXPECT_EQ(there.candidates, jumped.candidates);
  EXPECT_EQ(there.labels, jumped.labels);
  EXPECT_NE(there.candidates, other.sample(5).candidates);
}

INSTANTIATE_TEST_SUITE_P(Mixtures, ContrastiveSampler2dTest,
                         testing::Values(Case{"uniform", Mixture::uniform, {}},
                                         Case{"mixed", Mixture::mixed, kImageMixture},
                                         Case{"hard", Mixture::mixed, {1.0, 0.0, 0.5}},
                                         Case{"local", Mixture::mixed, {0.0, 1.0}}),
                         testing::PrintToStringParamName());

/// The largest extent along an axis of a pivot's candidates but the last, and the corners of all.
struct Spread {
  std::int64_t largest = 0, low = 1 << 30, high = 0;
};

Spread local_spread(std::int64_t candidates, std::int64_t side) {
  ContrastiveSampler sampler({.pivots = 400, .candidates = candidates},
                             PositionSpace(side * side, 2), 1, 10, {0.0, 1.0});
  Spread spread;
  for (std::int64_t step = 0; step < 10; ++step) {
    const ContrastiveSample sample = sampler.sample(step);
    for (std::size_t p = 0; p < sample.labels.size(); ++p) {
      // The pivot inside its own window is left out: then a uniform one fills up at the end.
      std::vector<Cell> cells = row(sample, p);
      cells.pop_back();
      for (const auto axis : {&Cell::first, &Cell::second}) {
        const auto [low, high] =
            std::minmax_element(cells.begin(), cells.end(),
                                [&](const Cell& a, const Cell& b) { return a.*axis < b.*axis; });
        spread.largest = std::max(spread.largest, *high.*axis - *low.*axis + 1);
        spread.low = std::min(spread.low, *low.*axis);
        spread.high = std::max(spread.high, *high.*axis);
      }
    }
  }
  return spread;
}

TEST(ContrastiveSampler2d, LocalCandidatesLieInOneSquareAnywhere) {
  // 14, or the root of 5 * 64 = 320; where there is less room, all of it.
  const Spread anywhere = local_spread(12, 60);
  EXPECT_EQ(anywhere.largest, 14);
  EXPECT_EQ(local_spread(64, 60).largest, 17);
  EXPECT_EQ(local_spread(24, 10).largest, 10);
  EXPECT_EQ(anywhere.low, 0);
  EXPECT_EQ(anywhere.high, 59);
}

TEST(ContrastiveSampler2d, AllCellsButThePivotMayBeCandidates) {
  for (const MixtureShares shares : {MixtureShares{1, 0, 0.5}, MixtureShares{0, 1}}) {
    ContrastiveSampler sampler({.pivots = 16, .candidates = 15}, PositionSpace(16, 2), 1, 10,
                               shares);
    const ContrastiveSample sample = sampler.sample(0);
    for (std::size_t p = 0; p < 16; ++p) EXPECT_EQ(distinct(row(sample, p)).size(), 15U);
  }
}

TEST(ContrastiveSampler2d, Errors) {
  test::expect_error<ConfigError>(
      [] { ContrastiveSampler({.candidates = 81}, PositionSpace(99, 2), 1); },
      "[seqpe] seqpe.max_position must exceed seqpe.contrastive.candidates 81, got 99 (9 x 9 "
      "cells).");
  EXPECT_NO_THROW(ContrastiveSampler({.candidates = 80, .local_range = 1}, PositionSpace(99, 2), 1))
      << "contrastive.local_range is of one dimension";
}

// ---- Transfer

TEST(TransferSampler2d, StartsWalkThroughAllOutsideTheTrainedGrid) {
  // A grid of 3 x 5 in 12 x 12 cells: starts in [0, 9) x [0, 7) but those of [0, 3) x [0, 5).
  std::set<Cell> outside = rectangle(9, 7);
  for (const Cell& cell : rectangle(3, 5)) outside.erase(cell);
  ASSERT_EQ(outside.size(), 48U);
  const Extent window{3, 5};
  TransferSampler sampler({.starts = 8, .indices = 6}, PositionSpace(144, 2), window, 1);
  std::vector<Cell> seen;
  std::set<std::int64_t> indices;
  for (std::int64_t step = 0; step < 6; ++step) {
    const TransferSample sample = sampler.sample(step);
    const std::vector<Cell> starts = cells_of(sample.starts);
    const std::vector<Cell> positions = cells_of(positions_of(sample, window));
    ASSERT_EQ(starts.size(), 8U);
    ASSERT_EQ(sample.indices.size(), 48U);
    ASSERT_EQ(positions.size(), 48U);
    for (std::size_t i = 0; i < 48; ++i) {
      const std::int64_t index = sample.indices[i];
      EXPECT_EQ(positions[i],
                Cell(starts[i / 6].first + index / 5, starts[i / 6].second + index % 5));
      indices.insert(index);
    }
    for (std::size_t s = 0; s < 8; ++s) {
      const auto first = sample.indices.begin() + static_cast<std::ptrdiff_t>(6 * s);
      EXPECT_EQ(std::set(first, first + 6).size(), 6U);
    }
    seen.insert(seen.end(), starts.begin(), starts.end());
  }
  EXPECT_EQ(seen.size(), 48U);
  EXPECT_EQ(distinct(seen), outside);
  EXPECT_EQ(indices.size(), 15U);
  EXPECT_EQ(*indices.rbegin(), 14);
}

TEST(TransferSampler2d, IsAFunctionOfSeedAndStep) {
  const auto make = [](std::uint64_t seed) {
    return TransferSampler({.starts = 8, .indices = 6}, PositionSpace(144, 2), {3, 5}, seed);
  };
  TransferSampler walking = make(1), jumping = make(1), other = make(2);
  for (std::int64_t step = 0; step < 30; ++step) walking.sample(step);
  const TransferSample there = walking.sample(30), jumped = jumping.sample(30);
  EXPECT_EQ(there.starts, jumped.starts);
  EXPECT_EQ(there.indices, jumped.indices);
  EXPECT_NE(there.starts, other.sample(30).starts);
  EXPECT_NE(there.indices, other.sample(30).indices);
}

TEST(TransferSampler2d, Errors) {
  const auto make = [](std::int64_t indices, std::int64_t max_position, Extent window) {
    return
        [=] { TransferSampler({.indices = indices}, PositionSpace(max_position, 2), window, 1); };
  };
  test::expect_error<ConfigError>(
      make(4, 800, {14, 14}),
      "[seqpe] seqpe.max_position must be at least 841 (29 x 29 cells), so that grids of 14 x 14 "
      "patches outside the trained one exist, got 800 (28 x 28 cells).");
  EXPECT_NO_THROW(make(4, 841, {14, 14})());
  test::expect_error<ConfigError>(
      make(4, 196, {3, 14}),
      "[seqpe] seqpe.max_position must be at least 225 (15 x 15 cells), so that grids of 3 x 14 "
      "patches outside the trained one exist, got 196 (14 x 14 cells).");
  EXPECT_NO_THROW(make(4, 225, {3, 14})());
  test::expect_error<ConfigError>(
      make(4, 100, {14, 14}),
      "[seqpe] seqpe.max_position must be at least 841 (29 x 29 cells), so that grids of 14 x 14 "
      "patches outside the trained one exist, got 100 (10 x 10 cells).");
  test::expect_error<ConfigError>(
      make(16, 144, {3, 5}),
      "[seqpe] seqpe.transfer.indices must be at most 15, a grid's 3 x 5 patches, got 16.");
  test::expect_error<Error>(make(4, 144, {3, 5, 1}),
                            "[seqpe] a window must have one size for each of 2 dimensions, got 3.");
}

}  // namespace
}  // namespace seqpe::models

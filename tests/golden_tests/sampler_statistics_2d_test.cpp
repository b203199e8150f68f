// The samplers of image patches against the measured behaviour of the reference's. Rows, columns
// and distances between cells take few values, so quantiles are compared by level, as shares are.
#include <map>
#include <numeric>
#include <set>

#include "models/seqpe/samplers.h"
#include "tests/golden_tests/golden_statistics.h"
#include "tests/golden_tests/sampler_statistics.h"

namespace seqpe::models {
namespace {

using nlohmann::json;

/// Rows (0) or columns (1) of positions.
std::vector<double> axis_of(const std::vector<std::int64_t>& positions, std::size_t axis) {
  std::vector<double> values;
  for (std::size_t i = axis; i < positions.size(); i += 2)
    values.push_back(static_cast<double>(positions[i]));
  return values;
}

/// The share that `counted` has of `all`.
void expect_share(std::int64_t counted, std::int64_t all, const json& expected,
                  const std::string& what) {
  EXPECT_NEAR(static_cast<double>(counted) / static_cast<double>(all), expected.get<double>(),
              test::kShareBound)
      << what;
}

void expect_distribution(const std::vector<double>& values, const json& expected,
                         const std::string& what, double bound = test::kShareBound) {
  test::expect_levels(values, expected, bound, what);
  const double mean = expected.at("mean");
  EXPECT_NEAR(
      std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size()), mean,
      0.03 * mean)
      << what;
}

/// As the file has it, with four decimals.
double distance_of(std::int64_t square) {
  return std::round(std::sqrt(static_cast<double>(square)) * 1e4) / 1e4;
}

struct Case {
  const char* name;
  Mixture mixture;
  MixtureShares shares;
};

std::ostream& operator<<(std::ostream& out, const Case& test_case) {
  return out << test_case.name;
}

class ImageContrastiveStatistics : public testing::TestWithParam<Case> {};

TEST_P(ImageContrastiveStatistics, AgreeWithTheReference) {
  const json file = test::sampler_statistics("image").at("contrastive");
  const json& settings = file.at("settings");
  const json& expected = file.at(GetParam().name);
  const std::int64_t count = settings.at("contrastive_num"), side = settings.at("side");
  const std::int64_t window = settings.at("local_window_side");
  const std::int64_t measured = expected.at("pivots"), pivots = 2 * measured;
  ContrastiveSampler sampler({.pivots = pivots, .candidates = count, .mixture = GetParam().mixture},
                             PositionSpace(settings.at("max_position"), 2), 11, 10,
                             GetParam().shares);
  const ContrastiveSample sample = sampler.sample(0);

  std::vector<double> label_distances, distances;
  std::vector<double> histogram(static_cast<std::size_t>(count), 0);
  std::int64_t tied = 0, narrow = 0;
  for (std::int64_t p = 0; p < pivots; ++p) {
    const std::int64_t* pivot = &sample.pivots[static_cast<std::size_t>(2 * p)];
    const std::int64_t label = sample.labels[static_cast<std::size_t>(p)];
    std::vector<std::int64_t> squares;
    std::int64_t low[2] = {side, side}, high[2] = {0, 0};
    std::set<std::int64_t> numbers;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t* one = &sample.candidates[static_cast<std::size_t>(2 * (p * count + i))];
      std::int64_t square = 0;
      for (int axis = 0; axis < 2; ++axis) {
        square += (one[axis] - pivot[axis]) * (one[axis] - pivot[axis]);
        if (i == count - 1) continue;  // uniform if the pivot lies in the window of local ones
        low[axis] = std::min(low[axis], one[axis]);
        high[axis] = std::max(high[axis], one[axis]);
      }
      squares.push_back(square);
      numbers.insert(one[0] * side + one[1]);
      distances.push_back(distance_of(square));
    }
    const std::int64_t nearest = *std::min_element(squares.begin(), squares.end());
    ASSERT_GT(nearest, 0) << "the pivot itself";
    ASSERT_EQ(numbers.size(), squares.size()) << "a candidate is repeated";
    ASSERT_EQ(squares[static_cast<std::size_t>(label)], nearest);
    tied += std::count(squares.begin(), squares.end(), nearest) > 1;
    narrow += high[0] - low[0] < window && high[1] - low[1] < window;
    label_distances.push_back(distance_of(nearest));
    ++histogram[static_cast<std::size_t>(label)];
  }
  const double bound = test::level_bound(measured, pivots);
  expect_distribution(label_distances, expected.at("label_distance_quantiles"), "label distance",
                      bound);
  expect_distribution(distances, expected.at("candidate_distance_quantiles"), "candidate distance",
                      bound);
  test::expect_label_histogram(histogram, pivots, expected.at("label_index_histogram"), measured);
  expect_share(tied, pivots, expected.at("pivots_with_tied_minimum"), "ties");
  const json& shares = expected.value("mode_shares", json::object());
  expect_share(narrow, pivots, shares.value("local", 0.0), "local candidates");
  const auto [low, high] = std::minmax_element(sample.pivots.begin(), sample.pivots.end());
  EXPECT_EQ(*low, 0);
  EXPECT_EQ(*high, side - 1);
}

INSTANTIATE_TEST_SUITE_P(Modes, ImageContrastiveStatistics,
                         testing::Values(Case{"as_run", Mixture::uniform, kImageMixture},
                                         Case{"mixture", Mixture::mixed, kImageMixture},
                                         Case{"only_uniform", Mixture::mixed, {0, 0, 0.2}},
                                         Case{"only_hard", Mixture::mixed, {1, 0, 0.2}},
                                         Case{"only_local", Mixture::mixed, {0, 1, 0.2}}),
                         testing::PrintToStringParamName());

/// Shares of the values 0, 1, 2, ...
void expect_histogram(const std::vector<std::int64_t>& counts, const json& expected,
                      const std::string& what) {
  std::int64_t all = 0, theirs = 0;
  for (const json& one : expected) theirs += one.get<std::int64_t>();
  for (const std::int64_t one : counts) all += one;
  ASSERT_EQ(counts.size(), expected.size());
  for (std::size_t i = 0; i < counts.size(); ++i) {
    expect_share(counts[i], all, expected[i].get<double>() / static_cast<double>(theirs),
                 what + " " + std::to_string(i));
  }
}

TEST(ImageHardStatistics, EditedPositionsAgreeWithTheReference) {
  const json file = test::sampler_statistics("image").at("contrastive");
  const json& settings = file.at("settings");
  const json& expected = file.at("only_hard").at("hard");
  const std::int64_t wanted = settings.at("hard_wanted"), count = settings.at("contrastive_num");
  const std::int64_t pivots = 2 * expected.at("pivots").get<std::int64_t>();
  const PositionSpace space(settings.at("max_position"), 2);
  // As far as the nearest of the uniform candidates that stay however many hard ones do.
  const std::int64_t staying = count + 1 - wanted;
  ContrastiveSampler sampler({.pivots = pivots, .candidates = count, .mixture = Mixture::uniform},
                             space, 11);
  const ContrastiveSample sample = sampler.sample(0);
  const auto number_at = [&](const std::vector<std::int64_t>& positions, std::int64_t i) {
    return positions[static_cast<std::size_t>(2 * i)] * space.side() +
           positions[static_cast<std::size_t>(2 * i + 1)];
  };
  const DigitEdits edits(space, 10);
  PhiloxGenerator random({.seed = 12});
  std::vector<double> distances;
  std::vector<std::int64_t> used(static_cast<std::size_t>(wanted) + 1);
  for (std::int64_t p = 0; p < pivots; ++p) {
    const std::int64_t pivot = number_at(sample.pivots, p);
    std::int64_t nearest = space.squared_distance(0, space.count() - 1);
    for (std::int64_t i = 0; i < staying; ++i) {
      nearest = std::min(
          nearest, space.squared_distance(number_at(sample.candidates, p * count + i), pivot));
    }
    std::set<std::int64_t> distinct;
    for (std::int64_t i = 0; i < wanted; ++i) {
      const std::int64_t edited = edits.edited(pivot, random);
      const std::int64_t square = space.squared_distance(edited, pivot);
      if (square <= nearest) continue;
      if (distinct.insert(edited).second) distances.push_back(distance_of(square));
    }
    ++used[distinct.size()];
  }
  expect_histogram(used, expected.at("used_after_removing_repeats_histogram"), "distinct");
  expect_distribution(distances, expected.at("hard_candidate_distance_quantiles"),
                      "distance of hard candidates");
}

TEST(ImageTransferStatistics, AgreeWithTheReference) {
  const json expected = test::sampler_statistics("image").at("transfer");
  const json& settings = expected.at("settings");
  const Extent grid = settings.at("grid");
  const TransferOptions options{.starts = settings.at("transfer_batch"),
                                .indices = settings.at("transfer_num")};
  TransferSampler sampler(options, PositionSpace(settings.at("max_position"), 2), grid, 11);
  std::vector<std::int64_t> starts;
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> times;
  std::map<std::int64_t, std::int64_t> indices;
  std::int64_t largest = 0, both = 0, only_row = 0, only_column = 0;
  const std::int64_t count = expected.at("starts");
  for (std::int64_t step = 0; step < count / options.starts; ++step) {
    const TransferSample sample = sampler.sample(step);
    starts.insert(starts.end(), sample.starts.begin(), sample.starts.end());
    for (const std::int64_t index : sample.indices) ++indices[index];
    const std::vector<std::int64_t> positions = positions_of(sample, grid);
    largest = std::max(largest, *std::max_element(positions.begin(), positions.end()));
  }
  for (std::size_t i = 0; i < starts.size(); i += 2) {
    ++times[{starts[i], starts[i + 1]}];
    const bool row = starts[i] >= grid[0], column = starts[i + 1] >= grid[1];
    both += row && column;
    only_row += row && !column;
    only_column += !row && column;
  }
  EXPECT_EQ(both + only_row + only_column, count) << "none inside the trained grid";
  expect_share(both, count, expected.at("share_row_and_column_beyond_grid"), "both beyond");
  expect_share(only_row, count, expected.at("share_only_row_beyond"), "the row beyond");
  expect_share(only_column, count, expected.at("share_only_column_beyond"), "the column beyond");
  expect_distribution(axis_of(starts, 0), expected.at("start_row").at("quantiles"),
                      "row of starts");
  expect_distribution(axis_of(starts, 1), expected.at("start_column").at("quantiles"),
                      "column of starts");
  EXPECT_EQ(std::ssize(times), expected.at("distinct_starts"));
  for (const auto& [start, number] : times) {
    EXPECT_GE(number, expected.at("times_a_start_occurs").at("least"));
    EXPECT_LE(number, expected.at("times_a_start_occurs").at("most"));
  }
  EXPECT_EQ(std::ssize(indices), expected.at("index_count").at("distinct"));
  for (const auto& [index, number] : indices) {
    EXPECT_NEAR(static_cast<double>(number), expected.at("index_count").at("mean").get<double>(),
                0.05 * static_cast<double>(number))
        << index;
  }
  EXPECT_EQ(largest, expected.at("largest_position")[0]);
}

TEST(ImageShiftStatistics, AgreeWithTheReference) {
  const json expected = test::sampler_statistics("image").at("random_shift");
  const json& settings = expected.at("settings");
  const Extent grid = settings.at("grid");
  const PositionSpace space(settings.at("max_position"), 2);
  ShiftOptions options{.rate = 1.0, .pool = settings.at("pool"), .blocks = settings.at("blocks")};
  EXPECT_EQ(place_count(space.starts_of(grid)), expected.at("possible_starts"));
  std::vector<std::int64_t> starts;
  const std::int64_t pools = expected.at("pool_starts").get<std::int64_t>() / options.pool;
  for (std::int64_t seed = 0; seed < pools; ++seed) {
    ShiftSampler sampler(options, space, grid, options.blocks, static_cast<std::uint64_t>(seed));
    std::set<std::pair<std::int64_t, std::int64_t>> pool;
    for (std::int64_t step = 0; step < options.pool / options.blocks; ++step) {
      const std::vector<std::int64_t> some = sampler.starts(step);
      for (std::size_t i = 0; i < some.size(); i += 2) pool.emplace(some[i], some[i + 1]);
      starts.insert(starts.end(), some.begin(), some.end());
    }
    EXPECT_EQ(std::ssize(pool), options.pool);
  }
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const json& of_axis = expected.at(axis == 0 ? "start_row" : "start_column");
    const std::vector<double> values = axis_of(starts, axis);
    expect_distribution(values, of_axis.at("quantiles"), "start of a shift");
    EXPECT_EQ(*std::min_element(values.begin(), values.end()), of_axis.at("smallest"));
    EXPECT_EQ(*std::max_element(values.begin(), values.end()), of_axis.at("largest"));
  }
  options.rate = settings.at("rate");
  ShiftSampler sampler(options, space, grid, options.blocks, 1);
  const std::int64_t steps = expected.at("steps");
  std::int64_t shifted = 0;
  for (std::int64_t step = 0; step < steps; ++step) shifted += sampler.starts(step).size() > 2;
  expect_share(shifted, steps, expected.at("shifted_share"), "shifted steps");
}

}  // namespace
}  // namespace seqpe::models

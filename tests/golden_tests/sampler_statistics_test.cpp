// The samplers against the measured behaviour of the reference's: agreement in distribution, not in
// random streams. Shares within 0.01; quantiles within 5 % of their value plus 0.5 % of the range
// that they lie in (the scatter of the reference's own draws is of that size). The
// extremes (quantiles 0 and 1) are single draws and say nothing about a distribution.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>

#include "models/seqpe/samplers.h"
#include "tests/golden_tests/golden_support.h"

namespace seqpe::models {
namespace {

using nlohmann::json;

json statistics() {
  std::ifstream file(test::goldens_dir("text") / "sampler_statistics.json");
  EXPECT_TRUE(file.good()) << "no sampler_statistics.json in " << test::goldens_dir("text");
  return json::parse(file);
}

/// Linear between the two nearest order statistics.
double quantile(const std::vector<double>& sorted, double level) {
  const double place = level * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

void expect_quantiles(std::vector<double> values, const json& expected, const std::string& what) {
  std::sort(values.begin(), values.end());
  const double low = expected.at("0.01"), high = expected.at("0.99");
  for (const auto& [level, value] : expected.items()) {
    if (level == "0" || level == "1") continue;
    const double wanted = value;
    EXPECT_NEAR(quantile(values, std::stod(level)), wanted, 0.05 * wanted + 0.005 * (high - low))
        << what << ", quantile " << level;
  }
}

struct Case {
  const char* name;
  MixtureShares shares;
  bool one_mode;
};

std::ostream& operator<<(std::ostream& out, const Case& test_case) {
  return out << test_case.name;
}

class ContrastiveStatistics : public testing::TestWithParam<Case> {};

TEST_P(ContrastiveStatistics, AgreeWithTheReference) {
  const json file = statistics();
  const json& settings = file.at("settings");
  const json& expected = file.at(GetParam().name);
  const std::int64_t count = settings.at("contrastive_num");
  // More than the reference's, so that the scatter left is its own.
  const std::int64_t measured = expected.at("pivots"), pivots = 5 * measured;
  const ContrastiveOptions options{.pivots = pivots,
                                   .candidates = count,
                                   .mixture = Mixture::mixed,
                                   .local_range = settings.at("local_range")};
  ContrastiveSampler sampler(options, settings.at("max_position"), 11, 10, GetParam().shares);
  const ContrastiveSample sample = sampler.sample(0);

  std::vector<double> label_distances, spreads;
  std::vector<double> histogram(static_cast<std::size_t>(count), 0);
  std::int64_t narrow = 0, repeated = 0, itself = 0;
  for (std::int64_t p = 0; p < pivots; ++p) {
    const std::int64_t pivot = sample.pivots[static_cast<std::size_t>(p)];
    const std::int64_t label = sample.labels[static_cast<std::size_t>(p)];
    const auto first = sample.candidates.begin() + p * count, last = first + count;
    const auto [low, high] = std::minmax_element(first, last);
    label_distances.push_back(static_cast<double>(std::abs(first[label] - pivot)));
    spreads.push_back(static_cast<double>(*high - *low));
    narrow += *high - *low < options.local_range;
    repeated += static_cast<std::int64_t>(std::set(first, last).size()) < count;
    itself += std::count(first, last, pivot);
    histogram[static_cast<std::size_t>(label)] += 1.0 / static_cast<double>(pivots);
  }
  expect_quantiles(label_distances, expected.at("label_distance_quantiles"), "label distance");
  // The mixture's spread has two modes with the median between them: only its share is stable.
  if (GetParam().one_mode) {
    expect_quantiles(spreads, expected.at("candidate_spread_quantiles"), "candidate spread");
  }
  EXPECT_NEAR(static_cast<double>(narrow) / static_cast<double>(pivots),
              expected.at("share_of_spread_below_256").get<double>(), 0.01);
  EXPECT_EQ(repeated, expected.at("with_repeated_candidates"));
  EXPECT_EQ(itself, expected.at("with_the_pivot_itself"));
  // Kolmogorov and Smirnov's bound for two samples of one distribution at 0.1 %.
  const double bound =
      1.95 * std::sqrt(1.0 / static_cast<double>(measured) + 1.0 / static_cast<double>(pivots));
  double cumulative = 0, expected_cumulative = 0;
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    const double share =
        expected.at("label_index_histogram")[i].get<double>() / static_cast<double>(measured);
    EXPECT_NEAR(histogram[i], share, 0.01) << "label index " << i;
    cumulative += histogram[i];
    expected_cumulative += share;
    EXPECT_NEAR(cumulative, expected_cumulative, bound) << "label index up to " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, ContrastiveStatistics,
                         testing::Values(Case{"contrastive_mixture", {}, false},
                                         Case{"contrastive_hard", {1, 0}, true},
                                         Case{"contrastive_local", {0, 1}, true}),
                         [](const auto& test_case) { return std::string(test_case.param.name); });

TEST(TransferStatistics, AgreeWithTheReference) {
  const json file = statistics();
  const json& settings = file.at("settings");
  const json& expected = file.at("transfer");
  const std::int64_t max_position = settings.at("max_position");
  const std::int64_t length = settings.at("train_length");
  const TransferOptions options{.starts = settings.at("transfer_batch"),
                                .indices = settings.at("transfer_num")};
  TransferSampler sampler(options, max_position, length, 11);
  std::vector<double> starts, indices;
  const std::int64_t steps = expected.at("starts").get<std::int64_t>() / options.starts;
  for (std::int64_t step = 0; step < steps; ++step) {
    const TransferSample sample = sampler.sample(step);
    starts.insert(starts.end(), sample.starts.begin(), sample.starts.end());
    indices.insert(indices.end(), sample.indices.begin(), sample.indices.end());
  }
  ASSERT_EQ(static_cast<std::int64_t>(starts.size()), expected.at("starts"));
  expect_quantiles(starts, expected.at("start_quantiles"), "start");
  expect_quantiles(indices, expected.at("index_quantiles"), "index");
  EXPECT_GE(*std::min_element(starts.begin(), starts.end()), static_cast<double>(length / 4));
  EXPECT_LT(*std::max_element(starts.begin(), starts.end()),
            static_cast<double>(max_position - length));
}

}  // namespace
}  // namespace seqpe::models

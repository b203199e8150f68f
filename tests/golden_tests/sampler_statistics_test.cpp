// The samplers of text against the measured behaviour of the reference's.
#include <set>

#include "models/seqpe/samplers.h"
#include "tests/golden_tests/sampler_statistics.h"

namespace seqpe::models {
namespace {

using nlohmann::json;

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
  const json file = test::sampler_statistics("text");
  const json& settings = file.at("settings");
  const json& expected = file.at(GetParam().name);
  const std::int64_t count = settings.at("contrastive_num");
  // More than the reference's, so that the scatter left is its own.
  const std::int64_t measured = expected.at("pivots"), pivots = 5 * measured;
  const ContrastiveOptions options{.pivots = pivots,
                                   .candidates = count,
                                   .mixture = Mixture::mixed,
                                   .local_range = settings.at("local_range")};
  ContrastiveSampler sampler(options, PositionSpace(settings.at("max_position")), 11, 10,
                             GetParam().shares);
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
    ++histogram[static_cast<std::size_t>(label)];
  }
  test::expect_sampler_quantiles(label_distances, expected.at("label_distance_quantiles"),
                                 "label distance");
  // The mixture's spread has two modes with the median between them: only its share is stable.
  if (GetParam().one_mode) {
    test::expect_sampler_quantiles(spreads, expected.at("candidate_spread_quantiles"),
                                   "candidate spread");
  }
  EXPECT_NEAR(static_cast<double>(narrow) / static_cast<double>(pivots),
              expected.at("share_of_spread_below_256").get<double>(), 0.01);
  EXPECT_EQ(repeated, expected.at("with_repeated_candidates"));
  EXPECT_EQ(itself, expected.at("with_the_pivot_itself"));
  test::expect_label_histogram(histogram, pivots, expected.at("label_index_histogram"), measured);
}

INSTANTIATE_TEST_SUITE_P(Modes, ContrastiveStatistics,
                         testing::Values(Case{"contrastive_mixture", {}, false},
                                         Case{"contrastive_hard", {1, 0}, true},
                                         Case{"contrastive_local", {0, 1}, true}),
                         [](const auto& test_case) { return std::string(test_case.param.name); });

TEST(TransferStatistics, AgreeWithTheReference) {
  const json file = test::sampler_statistics("text");
  const json& settings = file.at("settings");
  const json& expected = file.at("transfer");
  const std::int64_t max_position = settings.at("max_position");
  const std::int64_t length = settings.at("train_length");
  const TransferOptions options{.starts = settings.at("transfer_batch"),
                                .indices = settings.at("transfer_num")};
  TransferSampler sampler(options, PositionSpace(max_position), {length}, 11);
  std::vector<double> starts, indices;
  const std::int64_t steps = expected.at("starts").get<std::int64_t>() / options.starts;
  for (std::int64_t step = 0; step < steps; ++step) {
    const TransferSample sample = sampler.sample(step);
    starts.insert(starts.end(), sample.starts.begin(), sample.starts.end());
    indices.insert(indices.end(), sample.indices.begin(), sample.indices.end());
  }
  ASSERT_EQ(static_cast<std::int64_t>(starts.size()), expected.at("starts"));
  test::expect_sampler_quantiles(starts, expected.at("start_quantiles"), "start");
  test::expect_sampler_quantiles(indices, expected.at("index_quantiles"), "index");
  EXPECT_GE(*std::min_element(starts.begin(), starts.end()), static_cast<double>(length / 4));
  EXPECT_LT(*std::max_element(starts.begin(), starts.end()),
            static_cast<double>(max_position - length));
}

}  // namespace
}  // namespace seqpe::models

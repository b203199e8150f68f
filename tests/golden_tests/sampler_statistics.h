// Samplers against the measured behaviour of the reference's: agreement in distribution, not in
// random streams. Shares within 0.01; quantiles within 5 % of their value plus 0.5 % of the range
// that they lie in (the scatter of the reference's own draws is of that size). The
// extremes (quantiles 0 and 1) are single draws and say nothing about a distribution.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/io/file.h"
#include "tests/golden_tests/golden_support.h"

namespace seqpe::test {

inline constexpr double kShareBound = 0.01;

inline nlohmann::json sampler_statistics(const std::string& room) {
  return nlohmann::json::parse(io::read_text(goldens_dir(room) / "sampler_statistics.json"));
}

/// Linear between the two nearest order statistics.
inline double quantile(const std::vector<double>& sorted, double level) {
  const double place = level * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

inline void expect_sampler_quantiles(std::vector<double> values, const nlohmann::json& expected,
                                     const std::string& what) {
  std::sort(values.begin(), values.end());
  const double low = expected.at("0.01"), high = expected.at("0.99");
  for (const auto& [level, value] : expected.items()) {
    if (level == "0" || level == "1") continue;
    const double wanted = value;
    EXPECT_NEAR(quantile(values, std::stod(level)), wanted, 0.05 * wanted + 0.005 * (high - low))
        << what << ", quantile " << level;
  }
}

/// Kolmogorov and Smirnov's for two samples of one distribution, at 0.1 %: how far shares up to any
/// value may lie apart.
inline double level_bound(std::int64_t a, std::int64_t b) {
  return 1.95 * std::sqrt(1.0 / static_cast<double>(a) + 1.0 / static_cast<double>(b));
}

/// How often each candidate was the nearest, of `pivots` and of the reference's `measured`. The
/// sums within level_bound.
inline void expect_label_histogram(const std::vector<double>& histogram, std::int64_t pivots,
                                   const nlohmann::json& expected, std::int64_t measured) {
  ASSERT_EQ(histogram.size(), expected.size());
  const auto ours = static_cast<double>(pivots), theirs = static_cast<double>(measured);
  const double bound = level_bound(measured, pivots);
  double cumulative = 0, expected_cumulative = 0;
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    const double share = histogram[i] / ours, wanted = expected[i].get<double>() / theirs;
    EXPECT_NEAR(share, wanted, kShareBound) << "label index " << i;
    cumulative += share;
    expected_cumulative += wanted;
    EXPECT_NEAR(cumulative, expected_cumulative, bound) << "label index up to " << i;
  }
}

}  // namespace seqpe::test

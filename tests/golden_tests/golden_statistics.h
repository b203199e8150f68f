// Random draws against the measured distribution of the reference's. Ours come from other random
// numbers, so only distributions agree.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "engine/io/file.h"
#include "tests/golden_tests/golden_support.h"

namespace seqpe::test {

inline nlohmann::json golden_statistics(const std::string& name) {
  return nlohmann::json::parse(io::read_text(goldens_dir("transforms") / (name + ".json")));
}

/// Two samples of 20,000 from one distribution stay this near in level.
inline constexpr double kLevelBound = 0.02;

/// Every golden quantile has its level among `values`: the share below it is at most the level and
/// the share up to it at least that, within the bound. Values that several draws share (whole
/// numbers of pixels) have a range of levels. `quantiles` are named by level; a mean is left out.
inline void expect_levels(std::vector<double> values, const nlohmann::json& quantiles, double bound,
                          const std::string& what) {
  ASSERT_GT(values.size(), 10'000U) << what << ": too few draws for the bound";
  std::sort(values.begin(), values.end());
  const auto share = [&](auto place) {
    return static_cast<double>(place - values.begin()) / static_cast<double>(values.size());
  };
  for (const auto& [name, quantile] : quantiles.items()) {
    if (name == "mean") continue;
    const double level = std::stod(name), value = quantile;
    const double slack = 1e-9 * std::abs(value);  // the same fraction, rounded otherwise
    EXPECT_LE(share(std::lower_bound(values.begin(), values.end(), value - slack)), level + bound)
        << what << ", below the quantile " << name;
    EXPECT_GE(share(std::upper_bound(values.begin(), values.end(), value + slack)), level - bound)
        << what << ", up to the quantile " << name;
  }
}

inline void expect_quantiles(std::vector<double> values, const nlohmann::json& expected,
                             const std::string& what) {
  expect_levels(std::move(values), expected.at("quantiles"), kLevelBound, what);
}

}  // namespace seqpe::test

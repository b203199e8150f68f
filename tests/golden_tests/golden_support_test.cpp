// The measure by which every golden is judged.
#include "tests/golden_tests/golden_support.h"

#include <limits>

namespace seqpe::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double error_between(const std::vector<double>& a, const std::vector<double>& b) {
  const auto tensor = [](const std::vector<double>& values) {
    return Tensor::from({static_cast<std::int64_t>(values.size())}, values);
  };
  return relative_error(tensor(a), tensor(b));
}

TEST(RelativeError, IsTheLargestDifferenceByTheLargestValue) {
  EXPECT_EQ(error_between({1, 5, -4}, {1, 2, -4}), 0.75);
  EXPECT_EQ(error_between({0.5, 0}, {0, 0}), 0.5) << "absolute, where there is nothing to divide";
  EXPECT_EQ(error_between({}, {}), 0);
  EXPECT_EQ(error_between({1}, {1, 1}), std::numeric_limits<double>::infinity());
}

TEST(RelativeError, ANanIsNotLostInWhatFollows) {
  EXPECT_TRUE(std::isnan(error_between({kNan, 1, 2}, {1, 1, 2})));
  EXPECT_TRUE(std::isnan(error_between({5, kNan, 2}, {1, 1, 2})));
  EXPECT_TRUE(std::isnan(error_between({1, 1, 2}, {1, kNan, 2})));
}

}  // namespace
}  // namespace seqpe::test

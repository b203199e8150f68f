#include "engine/nn/init.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/expect_error.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::nn {
namespace {

constexpr std::int64_t kCount = 40000;

std::vector<double> drawn(const Init& init, std::uint64_t seed = 1,
                          std::string_view name = "a.weight", DType dtype = DType::f64) {
  const Tensor tensor = Tensor::empty({kCount}, dtype);
  initialize(tensor, init, seed, name);
  return test::elements<double>(tensor.to(DType::f64));
}

/// The mean of x^power.
double moment(const std::vector<double>& values, int power) {
  double sum = 0;
  for (const double value : values) sum += std::pow(value, power);
  return sum / static_cast<double>(values.size());
}

// Five standard deviations of a sample moment, whose variance is `variance` for one draw.
double scatter(double variance) {
  return 5 * std::sqrt(variance / static_cast<double>(kCount));
}

TEST(Init, Constants) {
  EXPECT_EQ(drawn(Init::zeros()), std::vector<double>(kCount, 0.0));
  EXPECT_EQ(drawn(Init::ones()), std::vector<double>(kCount, 1.0));
}

TEST(Init, NormalMoments) {
  const auto values = drawn(Init::normal(0.02));
  EXPECT_NEAR(moment(values, 1) / 0.02, 0, scatter(1));
  EXPECT_NEAR(moment(values, 2) / 0.0004, 1, scatter(2));
  EXPECT_NEAR(moment(values, 4) / 1.6e-7, 3, scatter(96));
}

TEST(Init, UniformMomentsAndBounds) {
  const auto values = drawn(Init::uniform(0.5));
  EXPECT_NEAR(moment(values, 1), 0, scatter(0.25 / 3));
  EXPECT_NEAR(moment(values, 2), 0.25 / 3, scatter(1.0 / 80));
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  EXPECT_GE(*least, -0.5);
  EXPECT_LT(*least, -0.499);
  EXPECT_LT(*most, 0.5);
  EXPECT_GT(*most, 0.499);
}

TEST(Init, DependsOnSeedAndNameOnly) {
  const auto values = drawn(Init::normal(1.0));
  EXPECT_EQ(drawn(Init::normal(1.0)), values);
  EXPECT_NE(drawn(Init::normal(1.0), 2), values);
  EXPECT_NE(drawn(Init::normal(1.0), 1, "b.weight"), values);
}

TEST(Init, EveryTypeRoundsTheSameNumbers) {
  const auto exact = drawn(Init::normal(1.0));
  const auto rounded = drawn(Init::normal(1.0), 1, "a.weight", DType::f32);
  for (std::size_t i = 0; i < exact.size(); ++i) {
    ASSERT_EQ(rounded[i], static_cast<double>(static_cast<float>(exact[i])));
  }
  const auto coarse = drawn(Init::normal(1.0), 1, "a.weight", DType::bf16);
  for (std::size_t i = 0; i < exact.size(); ++i) {
    ASSERT_NEAR(coarse[i], exact[i], std::abs(exact[i]) * 0x1p-8);
  }
}

TEST(Init, RefusesIntegers) {
  test::expect_error([] { initialize(Tensor::zeros({1}, DType::i64), Init::normal(1.0), 1, "a"); },
                     "[initialize] dtype must be f32, f64 or bf16, got i64.");
}

}  // namespace
}  // namespace seqpe::nn

#define SEQPE_ISA isa_test  // a copy of its own, whatever the program is built for
#include "kernels/cpu/vector_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace seqpe::kernels::cpu::isa_test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// The largest |approximate - exact| / scale(exact) over [low, high].
template <typename Scale>
double worst_error(float (*approximate)(float), double (*exact)(double), double low, double high,
                   const Scale& scale) {
  constexpr int kSteps = 200'000;
  double worst = 0;
  for (int i = 0; i <= kSteps; ++i) {
    const auto x = static_cast<float>(low + (high - low) * i / kSteps);
    const double expected = exact(static_cast<double>(x));
    const double error = std::abs(static_cast<double>(approximate(x)) - expected);
    worst = std::max(worst, error / scale(expected));
  }
  return worst;
}

double relative(double exact) {
  return std::max(std::abs(exact), 1e-30);
}

double absolute(double) {
  return 1.0;
}

// Two to three units of rounding (6e-8); a wrong digit in a coefficient shows.
TEST(VectorMath, Exp) {
  EXPECT_LT(worst_error(fast_exp, std::exp, -87, 88, relative), 1.0e-7);
  EXPECT_LT(worst_error(fast_exp, std::exp, -1, 1, relative), 1.0e-7);
  EXPECT_EQ(fast_exp(0.0f), 1.0f);
  EXPECT_TRUE(std::isnan(fast_exp(std::nanf(""))));
  for (const float x : {-87.01f, -1e10f, -kInfinity}) EXPECT_EQ(fast_exp(x), 0.0f) << x;
}

TEST(VectorMath, Tanh) {
  EXPECT_LT(worst_error(fast_tanh, std::tanh, -12, 12, relative), 2.0e-7);
  EXPECT_LT(worst_error(fast_tanh, std::tanh, -0.7, 0.7, relative), 2.0e-7);
  for (const float x : {10.5f, 1e10f, kInfinity}) {
    EXPECT_EQ(fast_tanh(x), 1.0f);
    EXPECT_EQ(fast_tanh(-x), -1.0f);
  }
  EXPECT_EQ(fast_tanh(0.0f), 0.0f);
  EXPECT_TRUE(std::isnan(fast_tanh(std::nanf(""))));
}

TEST(VectorMath, NormalTail) {
  const auto approximate = [](float z) { return normal_tail(z, fast_exp(-0.5f * z * z)); };
  const auto exact = [](double z) { return normal_tail(z, 0.0); };
  EXPECT_DOUBLE_EQ(exact(1.0), 0.15865525393145705);
  EXPECT_LT(worst_error(approximate, exact, 0, 13, absolute), 1.0e-7);
  EXPECT_LT(worst_error(approximate, exact, 0, 3, relative), 2.0e-5);
  EXPECT_EQ(approximate(0.0f), 0.5f);
  for (const float z : {5.8f, 6.0f, 13.0f}) EXPECT_EQ(approximate(z), 0.0f) << z;
  EXPECT_TRUE(std::isnan(approximate(std::nanf(""))));
}

}  // namespace
}  // namespace seqpe::kernels::cpu::isa_test

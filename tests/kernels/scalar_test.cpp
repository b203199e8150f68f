#include "kernels/scalar.h"

#include <limits>

#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

TEST(WeightedSumKernel, AsDefined) {
  const double terms[] = {2.0, -3.0, 0.5};
  double out = 7.0;
  WeightedSumArgs args{.out = &out,
                       .count = 3,
                       .terms = {&terms[0], &terms[1], &terms[2]},
                       .weights = {1.0, 0.25, -4.0}};
  weighted_sum(test::kCpu, args);
  EXPECT_EQ(out, -0.75);
  args.write = Write::accumulate;
  weighted_sum(test::kCpu, args);
  EXPECT_EQ(out, -1.5);
  weighted_sum(test::kCpu, {.out = &out, .count = 1, .terms = {&out}, .weights = {2.0}});
  EXPECT_EQ(out, -3.0) << "in place";
  const double factor = -0.5;
  weighted_sum(test::kCpu, {.out = &out,
                            .count = 2,
                            .terms = {&terms[0], &terms[1]},
                            .weights = {4.0, 1.0},
                            .factors = {&factor}});
  EXPECT_EQ(out, -7.0) << "a factor of the first alone";
  weighted_sum(test::kCpu, {.out = &out});
  EXPECT_EQ(out, 0.0) << "of nothing";
}

struct Clipped {
  double norms[3], factors[3] = {1, 1, 1};
};

void clip(Clipped& out, const double (&squares)[3], double loss) {
  clip_factors(test::kCpu, {.groups = 3,
                            .loss = &loss,
                            .squares = squares,
                            .norms = out.norms,
                            .factors = out.factors,
                            .limits = {1.0, 0.0, 10.0}});
}

TEST(ClipFactorsKernel, AsDefined) {
  Clipped out;
  clip(out, {16.0, 1e12, 81.0}, 2.0);
  EXPECT_EQ(out.norms[0], 4.0);
  EXPECT_EQ(out.norms[1], 1e6);
  EXPECT_EQ(out.norms[2], 9.0);
  EXPECT_EQ(out.factors[0], 1.0 / (4.0 + 1e-6));
  EXPECT_EQ(out.factors[1], 1.0) << "no limit";
  EXPECT_EQ(out.factors[2], 1.0) << "below the limit";
}

TEST(ClipFactorsKernel, WhatIsNotFiniteMakesAllFactorsNaNForGood) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  struct Case {
    double squares[3], loss;
  };
  const double nan = std::nan("");
  for (const Case& c : {Case{{1, 1, 1}, nan},
                        {{1, 1, 1}, kInfinity},
                        {{1, 1, 1}, -kInfinity},
                        {{nan, 1, 1}, 1},
                        {{1, 1, kInfinity}, 1}}) {
    Clipped out;
    clip(out, c.squares, c.loss);
    for (const double factor : out.factors) EXPECT_TRUE(std::isnan(factor));
    clip(out, {16.0, 1, 1}, 1.0);
    for (const double factor : out.factors) EXPECT_TRUE(std::isnan(factor));
    EXPECT_EQ(out.norms[0], 4.0);
  }
}

}  // namespace
}  // namespace seqpe::kernels

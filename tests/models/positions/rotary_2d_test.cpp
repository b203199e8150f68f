#include "models/positions/rotary_2d.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/expect_error.h"
#include "tests/support/op_check.h"

namespace seqpe::models {
namespace {

Tensor turned(const Rotary2dPosition& position, const Tensor& qkv, const PositionGrid& grid) {
  nn::SelfAttention::Extra extra;
  position.at_attention(0, position.prepare(position.embed(grid, {}), qkv.dtype()), {}, extra);
  return extra.transform(qkv);
}

TEST(Rotary2dPosition, HandComputed) {
  const Rotary2dPosition position({1, 1}, 1, 8, 100.0, DType::f64);
  EXPECT_TRUE(position.parameters().empty());
  // Pairs 0 and 1 by the column 3, pairs 2 and 3 by the row 2, each by 1 and by 1 / 10.
  const double angles[] = {3.0, 0.3, 2.0, 0.2};
  std::vector<double> expected;
  for (const double angle : angles) expected.push_back(static_cast<float>(std::sin(angle)));
  for (const double angle : angles) expected.push_back(static_cast<float>(std::cos(angle)));
  test::expect_values(position.embed({{1, 1}, {2, 3}}, {}), {1, 1, 8}, expected);
}

TEST(Rotary2dPosition, TheClassTokenDoesNotTurn) {
  const Rotary2dPosition position({2, 2}, 2, 4, 100.0, DType::f64);
  const Tensor qkv = test::random_tensor({1, 5, 24}, 1),
               out = turned(position, qkv, {{2, 2}, {7, 9}});
  const Tensor before = qkv.view({5, 24}), after = out.view({5, 24});
  test::expect_same(after.rows(0, 1), before.rows(0, 1));
  EXPECT_FALSE(test::same_bits(after.rows(1, 2), before.rows(1, 2)));
}

TEST(Rotary2dPosition, ScoresDependOnTheDistanceAlone) {
  const Rotary2dPosition position({2, 3}, 1, 8, 100.0, DType::f64);
  const Tensor qkv = test::random_tensor({1, 7, 24}, 1);
  const auto here = test::elements<double>(turned(position, qkv, at_origin({2, 3}))),
             there = test::elements<double>(turned(position, qkv, {{2, 3}, {40, 70}}));
  for (std::size_t i = 1; i < 7; ++i) {
    for (std::size_t j = 1; j < 7; ++j) {
      double one = 0, other = 0;
      for (std::size_t c = 0; c < 8; ++c) {
        one += here[24 * i + c] * here[24 * j + 8 + c];
        other += there[24 * i + c] * there[24 * j + 8 + c];
      }
      EXPECT_NEAR(one, other, 1e-6) << i << " " << j;
    }
  }
}

TEST(Rotary2dPosition, RefusesHeadsThatFourDoesNotDivide) {
  test::expect_error<ConfigError>(
      [] {
        const Rotary2dPosition refused({2, 2}, 2, 6, 100.0, DType::f32);
      },
      "[rotary_2d] a head's size (model.width over model.heads) must be a multiple of 4, got 6.");
}

}  // namespace
}  // namespace seqpe::models

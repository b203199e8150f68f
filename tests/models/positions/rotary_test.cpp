#include "models/positions/rotary.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/expect_error.h"
#include "tests/support/op_check.h"

namespace seqpe::models {
namespace {

constexpr std::int64_t kHeads = 2, kSize = 4, kTokens = 5;

Tensor turned(const RotaryPosition& position, const Tensor& qkv, std::int64_t start) {
  nn::SelfAttention::Extra extra;
  const Tensor pe = position.embed(line(qkv.dim(1), {start}), {});
  position.at_attention(0, position.prepare(pe, qkv.dtype()), {}, extra);
  return extra.transform(qkv);
}

/// The product of the query at i with the key at j, head 1.
double score(const Tensor& qkv, std::int64_t i, std::int64_t j) {
  const auto values = test::elements<double>(qkv);
  double sum = 0;
  for (std::int64_t c = kSize; c < 2 * kSize; ++c) {
    sum += values[static_cast<std::size_t>(i * 3 * kHeads * kSize + c)] *
           values[static_cast<std::size_t>((j * 3 + 1) * kHeads * kSize + c)];
  }
  return sum;
}

TEST(RotaryPosition, HandComputed) {
  const RotaryPosition position(1, 1, 2, 10000.0);
  EXPECT_TRUE(position.parameters().empty());
  const double sine = static_cast<float>(std::sin(3.0)), cosine = static_cast<float>(std::cos(3.0));
  test::expect_values(position.embed(line(1, {3}), {}), {1, 1, 2}, {sine, cosine});
  test::expect_values(turned(position, Tensor::from<double>({1, 1, 6}, {1, 0, 0, 2, 5, 6}), 3),
                      {1, 1, 6}, {cosine, sine, -2 * sine, 2 * cosine, 5, 6});
}

TEST(RotaryPosition, ScoresDependOnTheDistanceAlone) {
  const RotaryPosition position(8, kHeads, kSize, 10000.0);
  const Tensor qkv = test::random_tensor({1, kTokens, 3 * kHeads * kSize}, 1);
  const Tensor here = turned(position, qkv, 0), there = turned(position, qkv, 1000);
  for (std::int64_t i = 0; i < kTokens; ++i) {
    for (std::int64_t j = 0; j < kTokens; ++j)
      EXPECT_NEAR(score(here, i, j), score(there, i, j), 1e-6);
  }
  EXPECT_GT(std::abs(score(here, 0, 3) - score(qkv, 0, 3)), 1e-2) << "and depend on it";
  EXPECT_NEAR(score(here, 2, 2), score(qkv, 2, 2), 1e-6);
}

TEST(RotaryPosition, RefusesOddHeads) {
  test::expect_error<ConfigError>(
      [] { const RotaryPosition refused(4, 2, 3, 10000.0); },
      "[rotary] a head's size (model.width over model.heads) must be even, got 3.");
}

}  // namespace
}  // namespace seqpe::models

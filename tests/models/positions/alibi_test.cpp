#include "models/positions/alibi.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/random_tensor.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::models {
namespace {

TEST(AlibiSlopes, AreThoseOfThePaper) {
  const std::vector<double> eight = alibi_slopes(8);
  for (int h = 0; h < 8; ++h) EXPECT_EQ(eight[static_cast<std::size_t>(h)], std::exp2(-h - 1));
  // 12 heads: those of 8, then every second of 16.
  const std::vector<double> twelve = alibi_slopes(12);
  ASSERT_EQ(twelve.size(), 12u);
  EXPECT_TRUE(std::equal(eight.begin(), eight.end(), twelve.begin()));
  for (int h = 0; h < 4; ++h)
    EXPECT_EQ(twelve[static_cast<std::size_t>(8 + h)], std::exp2(-0.5 - h)) << h;
  EXPECT_EQ(alibi_slopes(1), std::vector<double>{std::exp2(-8)});
}

/// What position 70001 adds to the logits of head `head`, by the pair in `dtype`.
double added(std::int64_t heads, std::int64_t head, DType dtype) {
  const AlibiPosition position(4, heads);
  nn::SelfAttention::Extra extra;
  position.at_attention(0, position.prepare(position.embed(line(1, {70001}), {}), dtype), {},
                        extra);
  EXPECT_EQ(extra.position.pe.dtype(), dtype);
  EXPECT_TRUE(extra.position.split && !extra.position.shared_by_heads);
  EXPECT_EQ(extra.pe_scale, 1.0);
  const auto pe = test::elements<double>(extra.position.pe.to(DType::f64));
  const std::int64_t slice = extra.position.slice(heads);
  double sum = 0;
  for (std::int64_t c = head * slice; c < (head + 1) * slice; ++c)
    sum += pe[static_cast<std::size_t>(c)] * pe[static_cast<std::size_t>(heads * slice + c)];
  return sum;
}

TEST(AlibiPosition, TheSecondPairIsTheSlopeTimesThePositionInEveryDtype) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    EXPECT_EQ(added(12, 7, dtype), std::exp2(-8) * 70001);
    EXPECT_EQ(added(12, 8, dtype),
              static_cast<double>(static_cast<float>(std::exp2(-0.5) * 70001)));
  }
}

TEST(AlibiPosition, FarKeysCountLess) {
  const AlibiPosition position(3, 1);
  nn::SelfAttention::Extra extra;
  position.at_attention(0, position.prepare(position.embed(line(3), {}), DType::f64), {}, extra);
  const Tensor qkv = Tensor::zeros({1, 3, 3}, DType::f64);
  for (int t = 0; t < 3; ++t) qkv.data_as<double>()[3 * t + 2] = t == 0 ? 1 : 0;
  const Tensor out = ops::attention(qkv, {.heads = 1, .causal = true}, extra.position);
  // The weight of key 0 for query 2: e^0 of e^0, e^(1/256) and e^(2/256).
  EXPECT_NEAR(out.data_as<double>()[2], 1 / (1 + std::exp(1.0 / 256) + std::exp(2.0 / 256)), 1e-12);
}

}  // namespace
}  // namespace seqpe::models

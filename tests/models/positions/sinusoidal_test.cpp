#include "models/positions/sinusoidal.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/op_check.h"

namespace seqpe::models {
namespace {

TEST(SinusoidalPosition, HandComputed) {
  const SinusoidalPosition position(2, 4, 100.0);
  EXPECT_TRUE(position.parameters().empty());
  const auto f32 = [](double value) { return static_cast<double>(static_cast<float>(value)); };
  // Wavelengths 2 pi and 20 pi.
  test::expect_values(
      position.embed(line(1, {1, 7}), {}), {2, 1, 4},
      {f32(std::sin(1.0)), f32(std::cos(1.0)), f32(std::sin(0.1)), f32(std::cos(0.1)),
       f32(std::sin(7.0)), f32(std::cos(7.0)), f32(std::sin(0.7)), f32(std::cos(0.7))});
}

TEST(SinusoidalPosition, ActsAtTheInputInItsDtype) {
  const SinusoidalPosition position(3, 2, 10000.0);
  const Tensor x = Tensor::zeros({2, 3, 2}, DType::bf16), pe = position.embed(line(3), {});
  const Tensor sum = position.at_input(x, position.prepare(pe, DType::bf16), {});
  ASSERT_EQ(sum.dtype(), DType::bf16);
  test::expect_values(sum.to(DType::f64).rows(1, 2).view({3, 2}), {3, 2},
                      test::elements<double>(pe.to(DType::bf16).to(DType::f64).view({3, 2})));
  nn::SelfAttention::Extra extra;
  position.at_attention(0, position.prepare(pe, DType::f32), {}, extra);
  EXPECT_FALSE(extra.position.pe.defined() || extra.transform);
}

}  // namespace
}  // namespace seqpe::models

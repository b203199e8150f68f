#include "kernels/common/bf16.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/copy.h"

namespace seqpe {
namespace {

bf16 from_bits(unsigned bits) {
  bf16 value;
  value.bits = static_cast<std::uint16_t>(bits);
  return value;
}

constexpr unsigned kSign = 0x8000, kInfinity = 0x7f80;

TEST(Bf16, RoundsToNearestEven) {
  // bf16 keeps 8 significant bits: the step at 1 is 2^-7, so 1 + 2^-8 lies halfway and goes to the
  // even neighbour.
  EXPECT_EQ(static_cast<float>(bf16(1.0f + 0x1p-8f)), 1.0f);
  EXPECT_EQ(static_cast<float>(bf16(1.0f + 3 * 0x1p-8f)), 1.0f + 0x1p-6f);
  EXPECT_EQ(static_cast<float>(bf16(1.0f + 0x1p-8f + 0x1p-20f)), 1.0f + 0x1p-7f);
}

TEST(Bf16, KeepsSpecialValues) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(static_cast<float>(bf16(infinity)), infinity);
  EXPECT_EQ(static_cast<float>(bf16(std::numeric_limits<float>::max())), infinity);
  EXPECT_TRUE(std::isnan(static_cast<float>(bf16(std::numeric_limits<float>::quiet_NaN()))));
  EXPECT_TRUE(std::signbit(static_cast<float>(bf16(-0.0f))));
}

TEST(Bf16, EveryValueSurvivesTheWayToFloatAndBack) {
  for (unsigned bits = 0; bits <= 0xffff; ++bits) {
    const float wide = static_cast<float>(from_bits(bits));
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(static_cast<float>(bf16(wide)))) << bits;
    } else {
      EXPECT_EQ(bf16(wide).bits, bits);
    }
  }
}

// Between every two neighbours, subnormals and the step to infinity among them: the middle goes to
// the even one, a float's step off the middle to the nearer one.
TEST(Bf16, EveryMiddleOfNeighbours) {
  for (const unsigned sign : {0u, kSign}) {
    for (unsigned below = 0; below < kInfinity; ++below) {
      const std::uint32_t middle = (sign | below) << 16 | 0x8000u;
      const unsigned even = below % 2 == 0 ? below : below + 1;
      EXPECT_EQ(bf16(std::bit_cast<float>(middle - 1)).bits, sign | below);
      EXPECT_EQ(bf16(std::bit_cast<float>(middle)).bits, sign | even);
      EXPECT_EQ(bf16(std::bit_cast<float>(middle + 1)).bits, sign | (below + 1));
    }
  }
}

TEST(Bf16, NoNanBecomesInfinity) {
  for (std::uint32_t bit = 0; bit < 23; ++bit) {
    for (const std::uint32_t sign : {0u, 0x80000000u}) {
      const float nan = std::bit_cast<float>(sign | 0x7f800000u | 1u << bit);
      EXPECT_TRUE(std::isnan(static_cast<float>(bf16(nan)))) << "payload bit " << bit;
    }
  }
}

// The kernels round by vectorised code of their own: 0.5 a + 0.5 b is the middle of two neighbours.
TEST(Bf16, KernelsRoundTheSame) {
  for (const unsigned sign : {0u, kSign}) {
    std::vector<bf16> a, b;
    for (unsigned below = 0; below < kInfinity - 1; ++below) {
      a.push_back(from_bits(sign | below));
      b.push_back(from_bits(sign | (below + 1)));
    }
    a.push_back(from_bits(kInfinity + 1));  // NaN
    b.push_back(from_bits(0));
    for (const double share : {0.25, 0.5, 0.75}) {
      std::vector<float> between;
      for (std::size_t i = 0; i < a.size(); ++i) {
        const auto part = static_cast<float>(share);
        between.push_back(part * static_cast<float>(a[i]) + (1 - part) * static_cast<float>(b[i]));
      }
      std::vector<bf16> out(a.size());
      kernels::convert(Context{}, {.from = DType::f32,
                                   .to = DType::bf16,
                                   .out = out.data(),
                                   .x = between.data(),
                                   .count = static_cast<std::int64_t>(a.size())});
      for (std::size_t i = 0; i + 1 < a.size(); ++i)
        ASSERT_EQ(out[i].bits, bf16(between[i]).bits) << a[i].bits << ", share " << share;
      EXPECT_TRUE(std::isnan(static_cast<float>(out.back())));
    }
  }
}

}  // namespace
}  // namespace seqpe

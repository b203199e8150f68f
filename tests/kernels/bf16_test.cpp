#include "kernels/common/bf16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace seqpe {
namespace {

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

}  // namespace
}  // namespace seqpe

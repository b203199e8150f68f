#include "models/positions/position_encoding.h"

#include <gtest/gtest.h>

#include "tests/support/random_tensor.h"

namespace seqpe::models {
namespace {

TEST(NoPosition, DoesNothingAnywhere) {
  const NoPosition none;
  EXPECT_TRUE(none.parameters().empty());
  EXPECT_FALSE(none.embed(line(8), {}).defined());
  const PreparedPositions prepared = none.prepare({}, DType::f32);
  const Tensor x = test::random_tensor({2, 3, 4}, 1);
  EXPECT_EQ(none.at_input(x, prepared, {}).data(), x.data());
  nn::SelfAttention::Extra extra;
  none.at_attention(0, prepared, {}, extra);
  EXPECT_FALSE(extra.position.pe.defined());
  EXPECT_FALSE(static_cast<bool>(extra.transform));
}

}  // namespace
}  // namespace seqpe::models

// Sums whose order is a binary tree: the same bits however many ranks hold the pieces.
#include "engine/dist/tree_sum.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::dist {
namespace {

Tensor of(const std::vector<float>& values) {
  const auto count = static_cast<std::int64_t>(values.size());
  const Tensor out = Tensor::empty({count});
  std::copy(values.begin(), values.end(), out.data_as<float>());
  return out;
}

TEST(TreeSum, AddsNeighboursFirst) {
  // In the order of the pieces 1 would be lost behind 2^24; as pairs (1 + 1) is not.
  const float big = 0x1p24F;
  const Tensor pieces = in_pieces(of({big, 0, 1, 1}), 4);
  sum_in_a_tree({}, pieces);
  EXPECT_EQ(pieces.data_as<float>()[0], big + 2);
  EXPECT_EQ(big + 1 + 1, big) << "what another order gives";
}

TEST(TreeSum, OfAnyNumberOfPieces) {
  for (int count = 1; count <= 9; ++count) {
    const Tensor pieces = Tensor::full({count, 3}, 2.0, DType::f64);
    sum_in_a_tree({}, pieces);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(pieces.data_as<double>()[i], 2.0 * count);
  }
}

TEST(TreeSum, PiecesAreAllEquallyLong) {
  EXPECT_EQ(in_pieces(Tensor::zeros({2, 6}), 4).shape(), (Shape{4, 3}));
  test::expect_error(
      [] {
        in_pieces(Tensor::zeros({2, 3}), 4);
      },
      "[dist] 4 ranks must divide what is cut into pieces, got [2, 3].");
}

TEST(TreeSum, OnlyFloatsTravelRounded) {
  EXPECT_TRUE(travels_rounded(Tensor::zeros({1}), Wire::bf16));
  EXPECT_FALSE(travels_rounded(Tensor::zeros({1}), Wire::fp32));
  EXPECT_FALSE(travels_rounded(Tensor::zeros({1}, DType::f64), Wire::bf16));
}

}  // namespace
}  // namespace seqpe::dist

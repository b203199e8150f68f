#include "models/positions/prefix_positions.h"

#include <gtest/gtest.h>

#include "models/positions/learned.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::models {
namespace {

/// Row i of a sequence of n tokens from `start` is (start + i, n if rows depend on the length).
class CountingPosition final : public PositionEncoding {
 public:
  explicit CountingPosition(bool shared) : shared_(shared) {}

  Tensor compute(const PositionGrid& grid, const nn::Pass&) const override {
    const std::int64_t length = grid.tokens();
    lengths.push_back(length);
    Tensor pe = Tensor::empty({1, length, 2}, DType::f64);
    for (std::int64_t i = 0; i < length; ++i) {
      pe.data_as<double>()[2 * i] = static_cast<double>(grid.starts.at(0) + i);
      pe.data_as<double>()[2 * i + 1] = shared_ ? 0.0 : static_cast<double>(length);
    }
    return pe;
  }
  bool shorter_is_prefix(std::int64_t) const override { return shared_; }

  mutable std::vector<std::int64_t> lengths;  // of the calls of embed

 private:
  bool shared_;
};

void expect_rows(const Tensor& pe, const Shape& shape, const std::vector<double>& values) {
  EXPECT_EQ(pe.shape(), shape);
  EXPECT_EQ(test::elements<double>(pe), values);
}

TEST(PrefixPositions, AreMadeOnceWhereAShorterSequenceIsAPrefix) {
  const CountingPosition encoding(true);
  const PrefixPositions positions(encoding, 5, 4);
  expect_rows(positions.of(2), {1, 2, 2}, {5, 0, 6, 0});
  expect_rows(positions.of(4), {1, 4, 2}, {5, 0, 6, 0, 7, 0, 8, 0});
  expect_rows(positions.of(1), {1, 1, 2}, {5, 0});
  EXPECT_EQ(encoding.lengths, (std::vector<std::int64_t>{4}));
}

TEST(PrefixPositions, AreMadeForEveryLengthWhereItIsNot) {
  const CountingPosition encoding(false);
  const PrefixPositions positions(encoding, 5, 4);
  expect_rows(positions.of(2), {1, 2, 2}, {5, 2, 6, 2});
  expect_rows(positions.of(3), {1, 3, 2}, {5, 3, 6, 3, 7, 3});
  EXPECT_EQ(encoding.lengths, (std::vector<std::int64_t>{2, 3}));
}

TEST(PrefixPositions, AreUndefinedWithoutPositions) {
  const NoPosition none;
  const PrefixPositions positions(none, 0, 4);
  EXPECT_FALSE(positions.of(2).defined());
  EXPECT_FALSE(positions.of(4).defined());
}

TEST(PrefixPositions, AStretchedTableIsStretchedForEveryLength) {
  const LearnedPosition learned(4, 1, DType::f64);
  const Tensor table = learned.parameters().at(0).value;
  for (std::int64_t i = 0; i < 4; ++i) table.data_as<double>()[i] = static_cast<double>(8 * i);
  // Row i of 8 lies at (i + 1/2) / 2 - 1/2, held at the ends.
  const PrefixPositions longer(learned, 0, 8);
  expect_rows(longer.of(8), {1, 8, 1}, {0, 2, 6, 10, 14, 18, 22, 24});
  expect_rows(longer.of(3), {1, 3, 1}, {0, 8, 16});
  const PrefixPositions within(learned, 1, 3);
  expect_rows(within.of(2), {1, 2, 1}, {8, 16});
}

}  // namespace
}  // namespace seqpe::models

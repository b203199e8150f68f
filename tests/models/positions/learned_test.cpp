#include "models/positions/learned.h"

#include <gtest/gtest.h>

#include "engine/ops/elementwise.h"
#include "tests/support/gradient_check.h"
#include "tests/support/modules.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::models {
namespace {

class LearnedPositionTest : public testing::Test {
 protected:
  LearnedPositionTest() { learned_.set_name("transformer"); }
  Tensor table() const { return learned_.parameter("transformer.wpe.weight"); }
  /// A table with these rows of width 2, the second column ten times the first.
  void set_rows(const std::vector<double>& rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      table().data_as<double>()[2 * i] = rows[i];
      table().data_as<double>()[2 * i + 1] = 10 * rows[i];
    }
  }
  /// The first column of the embeddings from position 0.
  std::vector<double> column(std::int64_t length) {
    const Tensor pe = learned_.embed(line(length), {});
    EXPECT_EQ(pe.shape(), (Shape{1, length, 2}));
    std::vector<double> out;
    for (std::int64_t i = 0; i < length; ++i) {
      out.push_back(pe.data_as<double>()[2 * i]);
      EXPECT_NEAR(pe.data_as<double>()[2 * i + 1], 10 * out.back(), 1e-13);
    }
    return out;
  }

  LearnedPosition learned_{4, 2, DType::f64};
};

TEST_F(LearnedPositionTest, RowsOfTheTable) {
  set_rows({1, 2, 4, 8});
  EXPECT_EQ(column(4), (std::vector<double>{1, 2, 4, 8}));
  EXPECT_EQ(column(2), (std::vector<double>{1, 2}));
  const Tensor blocks = learned_.embed(line(2, {2, 0}), {});
  EXPECT_EQ(test::elements<double>(blocks), (std::vector<double>{4, 40, 8, 80, 1, 10, 2, 20}));
}

TEST_F(LearnedPositionTest, StretchedBeyondItsLength) {
  // Pixel centres aligned: row i of n lies at (i + 1/2) 4 / n - 1/2, held at the ends.
  set_rows({0, 8, 16, 40});
  const auto expect = [&](std::int64_t length, const std::vector<double>& values) {
    const auto ours = column(length);
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(ours[i], values[i], 1e-13) << i;
  };
  expect(8, {0, 2, 6, 10, 14, 22, 34, 40});
  expect(5, {0, 0.7 * 8, 1.5 * 8, 16 + 0.3 * 24, 40});
  expect(6, {0, 4, 8 * 7.0 / 6, 8 * 11.0 / 6, 28, 40});
}

TEST_F(LearnedPositionTest, StretchingHasGradients) {
  test::randomize(learned_, "transformer");
  for (const std::int64_t length : {3, 4, 7}) {
    test::expect_gradients_match(
        [&](const std::vector<Tensor>&) { return learned_.embed(line(length), {}); }, {table()});
    table().clear_grad();
  }
}

TEST_F(LearnedPositionTest, ActsAtTheInputOnly) {
  set_rows({1, 2, 4, 8});
  const PreparedPositions prepared =
      learned_.prepare(learned_.embed(line(2, {0, 2}), {}), DType::f64);
  const Tensor x = Tensor::zeros({3, 2, 2}, DType::f64);
  // Sequence b takes block (first_row + b) mod 2.
  EXPECT_EQ(test::elements<double>(learned_.at_input(x, prepared, {})),
            (std::vector<double>{1, 10, 2, 20, 4, 40, 8, 80, 1, 10, 2, 20}));
  EXPECT_EQ(test::elements<double>(learned_.at_input(x, prepared, {.first_row = 1})),
            (std::vector<double>{4, 40, 8, 80, 1, 10, 2, 20, 4, 40, 8, 80}));
  nn::SelfAttention::Extra extra;
  learned_.at_attention(0, prepared, {}, extra);
  EXPECT_FALSE(extra.position.pe.defined());
}

TEST_F(LearnedPositionTest, Errors) {
  test::expect_error([&] { learned_.embed(line(5, {3}), {}); },
                     "[learned] a stretched table must have the one start 0, got starts [3].");
  test::expect_error(
      [&] {
        learned_.embed(line(5, {0, 1}), {});
      },
      "[learned] a stretched table must have the one start 0, got starts [0, 1].");
  test::expect_error([&] { learned_.embed(line(2, {3}), {}); },
                     "[learned] positions must lie in [0, 4) (rows of the table), got 3 to 4.");
  test::expect_error(
      [&] {
        learned_.embed(line(2, {0, -1}), {});
      },
      "[learned] positions must lie in [0, 4) (rows of the table), got -1 to 0.");
}

}  // namespace
}  // namespace seqpe::models

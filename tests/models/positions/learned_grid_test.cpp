#include "models/positions/learned_grid.h"

#include <gtest/gtest.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/rows.h"
#include "tests/support/expect_error.h"
#include "tests/support/gradient_check.h"
#include "tests/support/modules.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::models {
namespace {

class LearnedGridPositionTest : public testing::Test {
 protected:
  LearnedGridPositionTest() { test::randomize(position_, ""); }
  Tensor table() const { return position_.parameter("pos_embed"); }

  LearnedGridPosition position_{{2, 3}, 4, Interpolation::bicubic, DType::f64};
};

TEST_F(LearnedGridPositionTest, IsItsTableAtTheTrainedGrid) {
  EXPECT_EQ(table().shape(), (Shape{1, 7, 4}));
  const Tensor pe = position_.embed(at_origin({2, 3}), {});
  test::expect_same(pe, table());
  const Tensor x = test::random_tensor({2, 7, 4}, 1);
  test::expect_same(position_.at_input(x, position_.prepare(pe, DType::f64), {}),
                    ops::add_rows(x, table()));
}

TEST_F(LearnedGridPositionTest, ResizesThePatchesAlone) {
  const Tensor pe = position_.embed(at_origin({4, 3}), {}).view({13, 4}),
               flat = table().view({7, 4});
  test::expect_same(pe.rows(0, 1), flat.rows(0, 1));
  test::expect_same(pe.rows(1, 13), interpolate(flat.rows(1, 7).view({1, 6, 4}), {2, 3}, {4, 3},
                                                Interpolation::bicubic)
                                        .view({12, 4}));
}

TEST_F(LearnedGridPositionTest, Gradients) {
  for (const auto& extent : {std::vector<std::int64_t>{2, 3}, {3, 5}}) {
    test::expect_gradients_match(
        [&](const std::vector<Tensor>&) { return position_.embed(at_origin(extent), {}); },
        {table()});
  }
}

TEST_F(LearnedGridPositionTest, BeginsAtTheFirstPosition) {
  test::expect_error(
      [&] {
        position_.embed({{2, 3}, {0, 1}}, {});
      },
      "[learned] a table must be read from position 0, got starts [0, 1].");
}

}  // namespace
}  // namespace seqpe::models

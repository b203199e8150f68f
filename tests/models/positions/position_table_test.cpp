#include "models/positions/position_table.h"

#include <gtest/gtest.h>

#include "tests/support/op_check.h"

namespace seqpe::models {
namespace {

const PositionTable kTable(4, 2, [](std::int64_t position, double* row) {
  row[0] = static_cast<double>(position);
  row[1] = 0.1;
});
constexpr double kTenth = 0.1f;  // rounded to f32

TEST(PositionTable, KeepsTheFirstRows) {
  test::expect_values(kTable.rows({0}, 2), {1, 2, 2}, {0, kTenth, 1, kTenth});
  test::expect_values(kTable.rows({1}, 3), {1, 3, 2}, {1, kTenth, 2, kTenth, 3, kTenth});
  EXPECT_EQ(kTable.rows({0}, 4).data(), kTable.rows({0}, 1).data()) << "made once";
}

TEST(PositionTable, MakesOthers) {
  test::expect_values(kTable.rows({3}, 2), {1, 2, 2}, {3, kTenth, 4, kTenth});
  test::expect_values(kTable.rows({0, 70000}, 1), {2, 1, 2}, {0, kTenth, 70000, kTenth});
}

TEST(PositionTable, HasNoParameters) {
  EXPECT_TRUE(kTable.parameters().empty());
}

}  // namespace
}  // namespace seqpe::models

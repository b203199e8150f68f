#include "models/positions/position_table.h"

#include <gtest/gtest.h>

#include "tests/support/op_check.h"

namespace seqpe::models {
namespace {

const PositionTable kTable({4}, 2, [](const std::int64_t* position, double* row) {
  row[0] = static_cast<double>(*position);
  row[1] = 0.1;
});
constexpr double kTenth = 0.1f;  // rounded to f32

TEST(PositionTable, KeepsTheFirstRows) {
  test::expect_values(kTable.rows(line(2)), {1, 2, 2}, {0, kTenth, 1, kTenth});
  test::expect_values(kTable.rows(line(3, {1})), {1, 3, 2}, {1, kTenth, 2, kTenth, 3, kTenth});
  EXPECT_EQ(kTable.rows(line(4)).data(), kTable.rows(line(1)).data()) << "made once";
}

TEST(PositionTable, MakesOthers) {
  test::expect_values(kTable.rows(line(2, {3})), {1, 2, 2}, {3, kTenth, 4, kTenth});
  test::expect_values(kTable.rows(line(1, {0, 70000})), {2, 1, 2}, {0, kTenth, 70000, kTenth});
}

TEST(PositionTable, OfAGrid) {
  const PositionTable table({2, 3}, 1, [](const std::int64_t* position, double* row) {
    row[0] = static_cast<double>(10 * position[0] + position[1]);
  });
  test::expect_values(table.rows(at_origin({2, 3})), {1, 6, 1}, {0, 1, 2, 10, 11, 12});
  EXPECT_EQ(table.rows(at_origin({2, 3})).data(), table.rows(at_origin({2, 3})).data());
  test::expect_values(table.rows(at_origin({3, 1})), {1, 3, 1}, {0, 10, 20});
  test::expect_values(table.rows({{1, 2}, {4, 5, 0, 1}}), {2, 2, 1}, {45, 46, 1, 2});
}

TEST(PositionTable, HasNoParameters) {
  EXPECT_TRUE(kTable.parameters().empty());
}

}  // namespace
}  // namespace seqpe::models

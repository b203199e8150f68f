#include "models/positions/interpolation.h"

#include "tests/support/op_check.h"

namespace seqpe::models {
namespace {

Tensor column(const std::vector<double>& values) {
  return Tensor::from<double>({1, static_cast<std::int64_t>(values.size()), 1}, values);
}

TEST(Interpolation, HandComputed) {
  // Row i of 4 lies at (i + 1/2) / 2 - 1/2: -1/4, 1/4, 3/4, 5/4, held at the ends.
  test::expect_values(interpolate(column({0, 8}), {2}, {4}, Interpolation::linear), {1, 4, 1},
                      {0, 2, 6, 8});
  test::expect_values(interpolate(column({0, 8, 16, 24}), {4}, {2}, Interpolation::linear),
                      {1, 2, 1}, {4, 20});
  // Rows first, then columns.
  test::expect_values(interpolate(column({0, 8, 80, 88}), {2, 2}, {4, 2}, Interpolation::bilinear),
                      {1, 8, 1}, {0, 8, 20, 28, 60, 68, 80, 88});
  test::expect_values(interpolate(column({0, 8, 80, 88}), {2, 2}, {2, 4}, Interpolation::bilinear),
                      {1, 8, 1}, {0, 2, 6, 8, 80, 82, 86, 88});
  // At distances 1/2 and 3/2 the cubic kernel is 0.59375 and -0.09375.
  test::expect_values(interpolate(column({1, 0, 0, 0}), {1, 4}, {1, 2}, Interpolation::bicubic),
                      {1, 2, 1}, {0.59375 - 0.09375, 0}, 1e-15);
}

TEST(Interpolation, OfTheSameExtentIsTheIdentity) {
  const Tensor pe = test::random_tensor({1, 6, 3}, 1);
  for (const auto mode : {Interpolation::linear, Interpolation::bilinear, Interpolation::bicubic})
    test::expect_same(interpolate(pe, {2, 3}, {2, 3}, mode), pe);
}

TEST(Interpolation, KeepsAConstant) {
  const Tensor pe = Tensor::full({1, 12, 2}, 3.0, DType::f64);
  for (const auto mode : {Interpolation::linear, Interpolation::bilinear, Interpolation::bicubic}) {
    for (const auto& to : {std::vector<std::int64_t>{7, 5}, {1, 1}, {3, 9}})
      test::expect_close(interpolate(pe, {3, 4}, to, mode),
                         Tensor::full({1, to[0] * to[1], 2}, 3.0, DType::f64), 1e-14);
  }
}

TEST(Interpolation, Gradients) {
  for (const auto mode : {Interpolation::linear, Interpolation::bilinear, Interpolation::bicubic}) {
    test::expect_gradients_match(
        [&](const std::vector<Tensor>& in) {
          return interpolate(in[0], {2, 3}, {3, 4}, mode);
        },
        {test::random_tensor({1, 6, 2}, 1)});
  }
}

TEST(Interpolation, OfALineIsLinear) {
  test::expect_error(
      [] {
        interpolate(column({1, 2}), {2}, {4}, Interpolation::bicubic);
      },
      "[positions] a bilinear or bicubic interpolation must be from a grid to a grid, got 1 and 1 "
      "dimensions.");
}

}  // namespace
}  // namespace seqpe::models

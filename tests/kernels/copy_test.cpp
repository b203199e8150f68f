#include "kernels/copy.h"

#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

template <typename T>
class CopyKernel : public testing::Test {};
TYPED_TEST_SUITE(CopyKernel, test::Floating);

struct Case {
  std::int64_t rows = 0, cols = 0, out_stride = 0, x_stride = 0;
};

// A stride of 0 on the input repeats one row.
constexpr Case kCases[] = {{0, 3, 3, 3},     {3, 0, 2, 2},   {1, 1, 1, 1},   {5, 7, 7, 7},
                           {37, 33, 40, 35}, {18, 3, 3, 50}, {18, 3, 50, 3}, {5, 7, 9, 0}};

TYPED_TEST(CopyKernel, CopiesOrAddsItsColumnsOnly) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    for (const Write write : test::kWrites) {
      const auto x = test::random_vector<T>(c.rows * c.x_stride + c.cols, 1);
      const auto initial = test::random_vector<T>(c.rows * c.out_stride, 2);
      auto out = initial;
      test::Doubles expected = test::to_double(initial);
      for (std::int64_t row = 0; row < c.rows; ++row) {
        for (std::int64_t i = 0; i < c.cols; ++i) {
          double& element = expected[static_cast<std::size_t>(row * c.out_stride + i)];
          const double copied = test::to_double(x[static_cast<std::size_t>(row * c.x_stride + i)]);
          element = write == Write::accumulate ? element + copied : copied;
        }
      }
      copy_rows(test::kCpu, {.dtype = dtype_of<T>,
                             .out = out.data(),
                             .x = x.data(),
                             .rows = c.rows,
                             .cols = c.cols,
                             .out_stride = c.out_stride,
                             .x_stride = c.x_stride,
                             .write = write});
      const bool exact = write == Write::overwrite;
      test::expect_close(out, expected, exact ? 0.0 : test::tolerance<T>(1, 2), "out");
    }
  }
}

template <typename From, typename To>
void expect_converts() {
  for (const std::int64_t count : {0, 1, 7, 16385}) {
    for (const Write write : test::kWrites) {
      const auto x = test::random_vector<From>(count, 1);
      const auto initial = test::before<To>(write, count);
      auto out = initial;
      convert(test::kCpu, {.from = dtype_of<From>,
                           .to = dtype_of<To>,
                           .out = out.data(),
                           .x = x.data(),
                           .count = count,
                           .write = write});
      test::Doubles expected = test::to_double(x);
      for (std::size_t i = 0; i < expected.size() && write == Write::accumulate; ++i)
        expected[i] += test::to_double(initial[i]);
      test::expect_close(out, expected, test::tolerance<To>(1, 2), "out");
    }
  }
}

TEST(CopyKernelFill, RoundsToTheDtype) {
  for (const std::int64_t count : {0, 1, 16385}) {
    std::vector<double> wide(static_cast<std::size_t>(count));
    std::vector<bf16> narrow(wide.size());
    fill(test::kCpu, {.dtype = DType::f64, .out = wide.data(), .count = count, .value = 0.1});
    fill(test::kCpu, {.dtype = DType::bf16, .out = narrow.data(), .count = count, .value = 0.1});
    for (std::size_t i = 0; i < wide.size(); ++i) {
      ASSERT_EQ(wide[i], 0.1);
      ASSERT_EQ(narrow[i].bits, bf16(0.1f).bits);
    }
  }
}

TEST(CopyKernelConvert, EveryPairOfFloatingTypes) {
  expect_converts<float, bf16>();
  expect_converts<bf16, float>();
  expect_converts<float, double>();
  expect_converts<double, float>();
  expect_converts<double, bf16>();
  expect_converts<bf16, bf16>();
}

}  // namespace
}  // namespace seqpe::kernels

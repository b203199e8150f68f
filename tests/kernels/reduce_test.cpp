#include "kernels/reduce.h"

#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

using test::Doubles;

template <typename T>
class ReduceKernel : public testing::Test {};
TYPED_TEST_SUITE(ReduceKernel, test::Floating);

// Rows are summed 128 at a time.
TYPED_TEST(ReduceKernel, ColumnSum) {
  using T = TypeParam;
  struct Case {
    std::int64_t rows, cols;
  };
  for (const auto& [rows, cols] :
       {Case{0, 5}, {5, 0}, {1, 1}, {3, 7}, {128, 33}, {129, 5}, {300, 17}}) {
    for (const Write write : test::kWrites) {
      const auto x = test::random_vector<T>(rows * cols, 1, -0.5, 1.0);
      auto out = test::before<T>(write, cols);
      Doubles expected = write == Write::accumulate ? test::to_double(out) : Doubles(out.size());
      for (std::int64_t e = 0; e < rows * cols; ++e)
        expected[static_cast<std::size_t>(e % cols)] +=
            test::to_double(x[static_cast<std::size_t>(e)]);
      column_sum(test::kCpu, {.dtype = dtype_of<T>,
                              .out = out.data(),
                              .write = write,
                              .x = x.data(),
                              .rows = rows,
                              .cols = cols});
      test::expect_close(out, expected,
                         test::tolerance<T>(static_cast<double>(rows), test::largest(expected)),
                         "out");
    }
  }
}

TEST(ReduceKernelWide, ColumnSumOfBf16InFloat32) {
  constexpr std::int64_t kRows = 129, kCols = 5;
  for (const Write write : test::kWrites) {
    const auto x = test::random_vector<bf16>(kRows * kCols, 1);
    auto out = test::before<float>(write, kCols);
    Doubles expected = write == Write::accumulate ? test::to_double(out) : Doubles(out.size());
    for (std::int64_t e = 0; e < kRows * kCols; ++e)
      expected[static_cast<std::size_t>(e % kCols)] +=
          test::to_double(x[static_cast<std::size_t>(e)]);
    column_sum(test::kCpu, {.dtype = DType::bf16,
                            .out = out.data(),
                            .wide_out = true,
                            .write = write,
                            .x = x.data(),
                            .rows = kRows,
                            .cols = kCols});
    test::expect_close(out, expected, test::tolerance<float>(kRows, test::largest(expected)),
                       "out");
  }
}

// Both run in float64 whatever the dtype, 8192 elements at a time.
TYPED_TEST(ReduceKernel, SumAndSumOfSquares) {
  using T = TypeParam;
  for (const std::int64_t count : {0, 1, 7, 8, 67, 8192, 8193, 20001}) {
    const auto x = test::random_vector<T>(count, 1, -0.5, 1.0);
    double expected_sum = 0, expected_squares = 0, actual = std::nan("");
    for (const double value : test::to_double(x)) {
      expected_sum += value;
      expected_squares += value * value;
    }
    const double allowed =
        test::tolerance<double>(static_cast<double>(count), 1 + expected_squares);
    const SumArgs args = {.dtype = dtype_of<T>, .out = &actual, .x = x.data(), .count = count};
    sum(test::kCpu, args);
    EXPECT_NEAR(actual, expected_sum, allowed) << count;
    actual = std::nan("");
    sum_of_squares(test::kCpu, args);
    EXPECT_NEAR(actual, expected_squares, allowed) << count;
  }
}

TYPED_TEST(ReduceKernel, SameBitsForAnyThreads) {
  using T = TypeParam;
  const auto x = test::random_vector<T>(50001, 1);
  test::expect_same_bits_for_any_threads([&] {
    std::vector<double> sums(2);
    auto columns = test::poisoned<T>(50);
    SumArgs args = {.dtype = dtype_of<T>, .out = &sums[0], .x = x.data(), .count = 50001};
    sum(test::kCpu, args);
    args.out = &sums[1];
    sum_of_squares(test::kCpu, args);
    column_sum(
        test::kCpu,
        {.dtype = dtype_of<T>, .out = columns.data(), .x = x.data(), .rows = 1000, .cols = 50});
    return test::bits_of(sums, columns);
  });
}

}  // namespace
}  // namespace seqpe::kernels

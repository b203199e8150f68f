#include "kernels/elementwise.h"

#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

using test::Doubles;

template <typename T>
class ElementwiseKernel : public testing::Test {};
TYPED_TEST_SUITE(ElementwiseKernel, test::Floating);

constexpr std::int64_t kCounts[] = {0, 1, 7, 67, 8193};

TYPED_TEST(ElementwiseKernel, Add) {
  using T = TypeParam;
  for (const std::int64_t count : kCounts) {
    for (const Write write : test::kWrites) {
      for (const bool with_b : {false, true}) {
        // alpha, and the factor beside it; 0: none
        for (const auto& [alpha, factor] : {std::pair{1.0, 0.0}, {0.5, -2.5}, {-1.25, 0.0}}) {
          const auto a = test::random_vector<T>(count, 1), b = test::random_vector<T>(count, 2);
          auto out = test::before<T>(write, count);
          Doubles expected(out.size());
          for (std::size_t i = 0; i < out.size(); ++i) {
            expected[i] = alpha * (factor == 0 ? 1 : factor) * test::to_double(a[i]);
            if (with_b) expected[i] += test::to_double(b[i]);
            if (write == Write::accumulate) expected[i] += test::to_double(out[i]);
          }
          add(test::kCpu, {.dtype = dtype_of<T>,
                           .out = out.data(),
                           .a = a.data(),
                           .b = with_b ? b.data() : nullptr,
                           .alpha = alpha,
                           .factor = factor == 0 ? nullptr : &factor,
                           .count = count,
                           .write = write});
          test::expect_close(out, expected, test::tolerance<T>(2, test::largest(expected)), "out");
        }
      }
    }
  }
}

TYPED_TEST(ElementwiseKernel, AddInPlace) {
  using T = TypeParam;
  const auto a = test::random_vector<T>(67, 1), b = test::random_vector<T>(67, 2);
  auto apart = test::poisoned<T>(67), over_a = a, over_b = b;
  AddArgs args = {.dtype = dtype_of<T>,
                  .out = apart.data(),
                  .a = a.data(),
                  .b = b.data(),
                  .alpha = 3,
                  .count = 67};
  add(test::kCpu, args);
  args.out = over_a.data();
  args.a = over_a.data();
  add(test::kCpu, args);
  args.a = a.data();
  args.out = over_b.data();
  args.b = over_b.data();
  add(test::kCpu, args);
  EXPECT_TRUE(test::bits_of(apart) == test::bits_of(over_a));
  EXPECT_TRUE(test::bits_of(apart) == test::bits_of(over_b));
}

TYPED_TEST(ElementwiseKernel, Multiply) {
  using T = TypeParam;
  for (const std::int64_t count : kCounts) {
    for (const Write write : test::kWrites) {
      const auto a = test::random_vector<T>(count, 1), b = test::random_vector<T>(count, 2);
      auto out = test::before<T>(write, count);
      Doubles expected(out.size());
      for (std::size_t i = 0; i < out.size(); ++i) {
        expected[i] = test::to_double(a[i]) * test::to_double(b[i]);
        if (write == Write::accumulate) expected[i] += test::to_double(out[i]);
      }
      multiply(test::kCpu, {.dtype = dtype_of<T>,
                            .out = out.data(),
                            .a = a.data(),
                            .b = b.data(),
                            .count = count,
                            .write = write});
      test::expect_close(out, expected, test::tolerance<T>(1, test::largest(expected)), "out");
    }
  }
}

struct Rows {
  std::int64_t rows = 0, blocks = 1, inner = 1, first_row = 0;
};

// Fewer rows than blocks, whole and broken rounds, a first row beyond the blocks.
constexpr Rows kRows[] = {{0, 2, 5, 0},  {1, 1, 1, 0},   {6, 3, 5, 0},
                          {7, 3, 33, 2}, {2, 5, 131, 4}, {9, 2, 7, 13}};

TYPED_TEST(ElementwiseKernel, AddRows) {
  using T = TypeParam;
  for (const Rows& c : kRows) {
    const auto x = test::random_vector<T>(c.rows * c.inner, 1);
    const auto y = test::random_vector<T>(c.blocks * c.inner, 2);
    auto out = test::poisoned<T>(c.rows * c.inner);
    Doubles expected;
    for (std::int64_t e = 0; e < c.rows * c.inner; ++e) {
      const std::int64_t block = (c.first_row + e / c.inner) % c.blocks;
      expected.push_back(
          test::to_double(x[static_cast<std::size_t>(e)]) +
          test::to_double(y[static_cast<std::size_t>(block * c.inner + e % c.inner)]));
    }
    add_rows(test::kCpu, {.dtype = dtype_of<T>,
                          .out = out.data(),
                          .x = x.data(),
                          .y = y.data(),
                          .rows = c.rows,
                          .blocks = c.blocks,
                          .inner = c.inner,
                          .first_row = c.first_row});
    test::expect_close(out, expected, test::tolerance<T>(1, 2), "out");
  }
}

TYPED_TEST(ElementwiseKernel, AddRowsBackward) {
  using T = TypeParam;
  for (const Rows& c : kRows) {
    for (const Write write : test::kWrites) {
      const auto grad_out = test::random_vector<T>(c.rows * c.inner, 1);
      auto grad_y = test::before<T>(write, c.blocks * c.inner);
      Doubles expected =
          write == Write::accumulate ? test::to_double(grad_y) : Doubles(grad_y.size());
      for (std::int64_t e = 0; e < c.rows * c.inner; ++e) {
        const std::int64_t block = (c.first_row + e / c.inner) % c.blocks;
        expected[static_cast<std::size_t>(block * c.inner + e % c.inner)] +=
            test::to_double(grad_out[static_cast<std::size_t>(e)]);
      }
      add_rows_backward(test::kCpu, {.dtype = dtype_of<T>,
                                     .grad_y = grad_y.data(),
                                     .grad_out = grad_out.data(),
                                     .rows = c.rows,
                                     .blocks = c.blocks,
                                     .inner = c.inner,
                                     .first_row = c.first_row,
                                     .write = write});
      test::expect_close(grad_y, expected,
                         test::tolerance<T>(static_cast<double>(c.rows), test::largest(expected)),
                         "grad_y");
    }
  }
}

TYPED_TEST(ElementwiseKernel, SameBitsForAnyThreads) {
  using T = TypeParam;
  const auto x = test::random_vector<T>(30000, 1);
  test::expect_same_bits_for_any_threads([&] {
    auto sums = test::poisoned<T>(30000), grad_y = test::poisoned<T>(900);
    add(test::kCpu,
        {.dtype = dtype_of<T>, .out = sums.data(), .a = x.data(), .b = x.data(), .count = 30000});
    add_rows_backward(test::kCpu, {.dtype = dtype_of<T>,
                                   .grad_y = grad_y.data(),
                                   .grad_out = x.data(),
                                   .rows = 100,
                                   .blocks = 3,
                                   .inner = 300});
    return test::bits_of(sums, grad_y);
  });
}

}  // namespace
}  // namespace seqpe::kernels

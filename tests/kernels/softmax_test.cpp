#include "kernels/softmax.h"

#include "tests/reference/cross_entropy.h"
#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

using test::Doubles;

template <typename T>
class SoftmaxKernel : public testing::Test {};
TYPED_TEST_SUITE(SoftmaxKernel, test::Floating);

struct Case {
  std::int64_t rows = 3, cols = 5;
  double low = -4.0, high = 4.0;
};

const Case kCases[] = {{.rows = 0},
                       {.cols = 1},
                       {.cols = 2},
                       {.rows = 18, .cols = 33},
                       {.rows = 2, .cols = 1003},
                       {.cols = 20, .low = -300.0, .high = 300.0},
                       {.cols = 20, .low = 1000.0, .high = 1001.0}};

template <typename T>
std::vector<T> forward(const std::vector<T>& x, const Case& c, bool log) {
  auto out = test::poisoned<T>(c.rows * c.cols);
  softmax_forward(test::kCpu, {.dtype = dtype_of<T>,
                               .out = out.data(),
                               .x = x.data(),
                               .rows = c.rows,
                               .cols = c.cols,
                               .log = log});
  return out;
}

template <typename T>
Doubles row_of(const std::vector<T>& x, const Case& c, std::int64_t row) {
  const auto begin = x.begin() + row * c.cols;
  return test::to_double(std::vector<T>(begin, begin + c.cols));
}

TYPED_TEST(SoftmaxKernel, ForwardAsDefined) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    for (const bool log : {false, true}) {
      SCOPED_TRACE(fmt::format("rows {}, cols {}, log {}", c.rows, c.cols, log));
      const auto x = test::random_vector<T>(c.rows * c.cols, 1, c.low, c.high);
      Doubles expected;
      for (std::int64_t row = 0; row < c.rows; ++row) {
        const Doubles in = row_of(x, c, row);
        const Doubles out = log ? reference::log_softmax(in) : reference::softmax(in);
        expected.insert(expected.end(), out.begin(), out.end());
      }
      // log-softmax is a difference of numbers as large as the inputs.
      const double cancelled = log ? test::tolerance<Acc<T>>(0, std::abs(c.high)) : 0;
      test::expect_close(
          forward(x, c, log), expected,
          cancelled + test::tolerance<T>(static_cast<double>(c.cols), test::largest(expected)),
          "out");
    }
  }
}

TYPED_TEST(SoftmaxKernel, BackwardAsDefined) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    for (const bool log : {false, true}) {
      for (const Write write : test::kWrites) {
        SCOPED_TRACE(fmt::format("rows {}, cols {}, log {}", c.rows, c.cols, log));
        const auto out = forward(test::random_vector<T>(c.rows * c.cols, 1, c.low, c.high), c, log);
        const auto grad_out = test::random_vector<T>(c.rows * c.cols, 2);
        auto grad_x = test::before<T>(write, c.rows * c.cols);
        Doubles expected =
            write == Write::accumulate ? test::to_double(grad_x) : Doubles(grad_x.size());
        // The Jacobian, from the stored output.
        for (std::int64_t row = 0; row < c.rows; ++row) {
          const Doubles y = row_of(out, c, row), g = row_of(grad_out, c, row);
          for (std::size_t i = 0; i < y.size(); ++i) {
            for (std::size_t j = 0; j < y.size(); ++j) {
              const double same = i == j ? 1.0 : 0.0;
              const double slope = log ? same - std::exp(y[i]) : y[j] * (same - y[i]);
              expected[static_cast<std::size_t>(row * c.cols) + i] += g[j] * slope;
            }
          }
        }
        softmax_backward(test::kCpu, {.dtype = dtype_of<T>,
                                      .grad_x = grad_x.data(),
                                      .write = write,
                                      .grad_out = grad_out.data(),
                                      .out = out.data(),
                                      .rows = c.rows,
                                      .cols = c.cols,
                                      .log = log});
        // sum(grad_out) is as large as the root of cols before it is multiplied.
        const double magnitude = test::largest(expected) + std::sqrt(static_cast<double>(c.cols));
        test::expect_close(grad_x, expected,
                           test::tolerance<T>(static_cast<double>(c.cols), magnitude), "grad_x");
      }
    }
  }
}

TYPED_TEST(SoftmaxKernel, SameBitsForAnyThreads) {
  using T = TypeParam;
  const Case c = {.rows = 70, .cols = 37};
  const auto x = test::random_vector<T>(c.rows * c.cols, 1), grad_out = x;
  test::expect_same_bits_for_any_threads([&] {
    const auto out = forward(x, c, true);
    auto grad_x = test::poisoned<T>(c.rows * c.cols);
    softmax_backward(test::kCpu, {.dtype = dtype_of<T>,
                                  .grad_x = grad_x.data(),
                                  .grad_out = grad_out.data(),
                                  .out = out.data(),
                                  .rows = c.rows,
                                  .cols = c.cols,
                                  .log = true});
    return test::bits_of(out, grad_x);
  });
}

}  // namespace
}  // namespace seqpe::kernels

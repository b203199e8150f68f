#include "kernels/sine_cosine.h"

#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

using test::Doubles;

template <typename T>
class SineCosineKernel : public testing::Test {};
TYPED_TEST_SUITE(SineCosineKernel, test::Floating);

struct Case {
  std::int64_t rows, cols;
};
const Case kCases[] = {{0, 3}, {1, 1}, {5, 7}, {33, 32}};

TYPED_TEST(SineCosineKernel, Forward) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    const auto angles = test::random_vector<T>(c.rows * c.cols, 1, -20.0, 20.0);
    auto out = test::poisoned<T>(2 * c.rows * c.cols);
    Doubles expected(out.size());
    for (std::int64_t row = 0; row < c.rows; ++row) {
      for (std::int64_t j = 0; j < c.cols; ++j) {
        const double angle = test::to_double(angles[static_cast<std::size_t>(row * c.cols + j)]);
        const auto sine = static_cast<std::size_t>(row * 2 * c.cols + j);
        expected[sine] = std::sin(angle);
        expected[sine + static_cast<std::size_t>(c.cols)] = std::cos(angle);
      }
    }
    sine_cosine_forward(test::kCpu, {.dtype = dtype_of<T>,
                                     .out = out.data(),
                                     .angles = angles.data(),
                                     .rows = c.rows,
                                     .cols = c.cols});
    test::expect_close(out, expected, test::tolerance<T>(1), "out");
  }
}

TYPED_TEST(SineCosineKernel, Backward) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    for (const Write write : test::kWrites) {
      const auto grad_out = test::random_vector<T>(2 * c.rows * c.cols, 1),
                 out = test::random_vector<T>(2 * c.rows * c.cols, 2);
      auto grad = test::before<T>(write, c.rows * c.cols);
      Doubles expected(grad.size());
      for (std::int64_t row = 0; row < c.rows; ++row) {
        for (std::int64_t j = 0; j < c.cols; ++j) {
          const auto i = static_cast<std::size_t>(row * c.cols + j),
                     sine = static_cast<std::size_t>(row * 2 * c.cols + j),
                     cosine = sine + static_cast<std::size_t>(c.cols);
          expected[i] = test::to_double(grad_out[sine]) * test::to_double(out[cosine]) -
                        test::to_double(grad_out[cosine]) * test::to_double(out[sine]);
          if (write == Write::accumulate) expected[i] += test::to_double(grad[i]);
        }
      }
      sine_cosine_backward(test::kCpu, {.dtype = dtype_of<T>,
                                        .grad_angles = grad.data(),
                                        .write = write,
                                        .grad_out = grad_out.data(),
                                        .out = out.data(),
                                        .rows = c.rows,
                                        .cols = c.cols});
      test::expect_close(grad, expected, test::tolerance<T>(3, test::largest(expected)), "grad");
    }
  }
}

}  // namespace
}  // namespace seqpe::kernels

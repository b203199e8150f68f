#include "kernels/cross_entropy.h"

#include "tests/reference/cross_entropy.h"
#include "tests/support/class_labels.h"
#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

using test::Doubles;

struct Case {
  std::int64_t rows = 9, cols = 7, gap = 0;
  double smoothing = 0.0, grad_scale = 1.0;
  double low = -3.0, high = 3.0;  // of the logits
};

const Case kCases[] = {
    {.rows = 0},
    {.rows = 1, .cols = 1},
    {.rows = 5, .cols = 2, .smoothing = 0.1},
    {.rows = 13, .cols = 33, .gap = 5, .grad_scale = 0.25},
    {.cols = 64, .smoothing = 0.2, .grad_scale = -3.0},
    {.rows = 4, .cols = 1003, .gap = 1, .smoothing = 0.1},
    {.cols = 20, .low = -200.0, .high = 200.0},                    // nearly one-hot
    {.cols = 20, .smoothing = 0.1, .low = 1000.0, .high = 1001.0}  // overflows without the maximum
};

template <typename T>
class CrossEntropyKernel : public testing::Test {};
TYPED_TEST_SUITE(CrossEntropyKernel, test::Floating);

template <typename T>
struct Problem {
  Case c;
  std::int64_t stride = c.cols + c.gap;
  std::vector<T> logits = test::random_vector<T>(c.rows * stride, 1, c.low, c.high);
  std::vector<std::int64_t> labels = test::labels_of_every_kind(c.rows, c.cols);
  std::vector<Acc<T>> losses = test::poisoned<Acc<T>>(c.rows);

  explicit Problem(const Case& which) : c(which) {
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (static_cast<std::int64_t>(i) % stride >= c.cols) logits[i] = test::poisoned<T>(1)[0];
    }
  }
  void run(const std::vector<T>& x, std::vector<T>* grad) {
    cross_entropy(test::kCpu, {.dtype = dtype_of<T>,
                               .losses = losses.data(),
                               .logits = x.data(),
                               .labels = labels.data(),
                               .rows = c.rows,
                               .cols = c.cols,
                               .stride = stride,
                               .label_smoothing = c.smoothing,
                               .grad_logits = grad != nullptr ? grad->data() : nullptr,
                               .grad_scale = c.grad_scale});
  }
};

TYPED_TEST(CrossEntropyKernel, AsDefined) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    SCOPED_TRACE(fmt::format("rows {}, cols {}, smoothing {}", c.rows, c.cols, c.smoothing));
    Problem<T> problem(c);
    Doubles losses, gradient(problem.logits.size(), std::nan(""));
    for (std::int64_t row = 0; row < c.rows; ++row) {
      const auto begin = problem.logits.begin() + row * problem.stride;
      const Doubles x = test::to_double(std::vector<T>(begin, begin + c.cols));
      const std::int64_t label = problem.labels[static_cast<std::size_t>(row)];
      const bool ignored = label == kIgnoreIndex;
      Doubles grad(x.size());
      losses.push_back(ignored ? 0
                               : reference::cross_entropy(x, static_cast<std::size_t>(label),
                                                          c.smoothing, grad));
      for (std::size_t i = 0; i < grad.size(); ++i)
        gradient[static_cast<std::size_t>(row * problem.stride) + i] = c.grad_scale * grad[i];
    }
    // lse - x[label] carries the rounding errors of numbers as large as the logits.
    const double magnitude = std::max(std::abs(c.low), std::abs(c.high));
    const double of_losses =
        test::tolerance<Acc<T>>(static_cast<double>(c.cols), magnitude + test::largest(losses));
    problem.run(problem.logits, nullptr);
    test::expect_close(problem.losses, losses, of_losses, "losses alone");

    auto grad = test::poisoned<T>(c.rows * problem.stride);
    problem.losses = test::poisoned<Acc<T>>(c.rows);
    problem.run(problem.logits, &grad);
    test::expect_close(problem.losses, losses, of_losses, "losses");
    test::expect_close(grad, gradient,
                       test::tolerance<T>(static_cast<double>(c.cols), test::largest(gradient)),
                       "grad_logits");

    auto in_place = problem.logits;
    problem.run(in_place, &in_place);
    EXPECT_TRUE(test::bits_of(in_place) == test::bits_of(grad)) << "in place";
  }
}

TYPED_TEST(CrossEntropyKernel, SameBitsForAnyThreads) {
  using T = TypeParam;
  Problem<T> problem({.rows = 37, .cols = 131, .smoothing = 0.1});
  test::expect_same_bits_for_any_threads([&] {
    auto grad = test::poisoned<T>(37 * 131);
    problem.run(problem.logits, &grad);
    return test::bits_of(problem.losses, grad);
  });
}

}  // namespace
}  // namespace seqpe::kernels

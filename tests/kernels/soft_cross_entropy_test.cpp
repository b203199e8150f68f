#include "kernels/soft_cross_entropy.h"

#include "tests/reference/cross_entropy.h"
#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

using test::Doubles;

struct Case {
  std::int64_t rows, cols;
  double low = -3.0, high = 3.0;  // of the logits
};
const Case kCases[] = {{0, 3}, {1, 1}, {9, 7}, {5, 64}, {3, 1003}, {4, 20, -200.0, 200.0}};

template <typename T>
class SoftCrossEntropyKernel : public testing::Test {};
TYPED_TEST_SUITE(SoftCrossEntropyKernel, test::Floating);

template <typename T>
struct Problem {
  Case c;
  std::vector<T> logits = test::random_vector<T>(c.rows * c.cols, 1, c.low, c.high);
  std::vector<float> targets = test::random_vector<float>(c.rows * c.cols, 2, 0.0, 1.0);
  std::vector<Acc<T>> losses = test::poisoned<Acc<T>>(c.rows);
  std::vector<T> grad = test::poisoned<T>(c.rows * c.cols);

  void run(bool with_gradient) {
    soft_cross_entropy(test::kCpu, {.dtype = dtype_of<T>,
                                    .losses = losses.data(),
                                    .logits = logits.data(),
                                    .targets = targets.data(),
                                    .rows = c.rows,
                                    .cols = c.cols,
                                    .grad_logits = with_gradient ? grad.data() : nullptr,
                                    .grad_scale = -0.5});
  }
};

TYPED_TEST(SoftCrossEntropyKernel, AsDefined) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::Message() << c.rows << " x " << c.cols);
    Problem<T> problem{c};
    Doubles losses, gradient;
    double weight_of_row = 1;
    for (std::int64_t row = 0; row < c.rows; ++row) {
      const auto begin = problem.logits.begin() + row * c.cols;
      const Doubles log_p =
          reference::log_softmax(test::to_double(std::vector<T>(begin, begin + c.cols)));
      const float* targets = problem.targets.data() + row * c.cols;
      double loss = 0, weight = 0;
      for (std::size_t i = 0; i < log_p.size(); ++i) {
        loss -= targets[i] * log_p[i];
        weight += targets[i];
      }
      for (std::size_t i = 0; i < log_p.size(); ++i)
        gradient.push_back(-0.5 * (weight * std::exp(log_p[i]) - targets[i]));
      losses.push_back(loss);
      weight_of_row = std::max(weight_of_row, weight);
    }
    problem.run(true);
    const double magnitude = weight_of_row * std::max(std::abs(c.low), std::abs(c.high));
    test::expect_close(problem.losses, losses,
                       test::tolerance<Acc<T>>(static_cast<double>(c.cols), magnitude), "losses");
    test::expect_close(problem.grad, gradient,
                       test::tolerance<T>(static_cast<double>(c.cols), weight_of_row), "grad");
    const auto with_gradient = problem.losses;
    problem.run(false);
    EXPECT_TRUE(test::bits_of(with_gradient) == test::bits_of(problem.losses));
    test::expect_same_bits_for_any_threads([&] {
      problem.run(true);
      return test::bits_of(problem.losses, problem.grad);
    });
  }
}

}  // namespace
}  // namespace seqpe::kernels

#include "kernels/residual_layer_norm.h"

#include "tests/reference/dropout.h"
#include "tests/reference/layer_norm.h"
#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

using test::Doubles;

template <typename T>
class ResidualLayerNormKernel : public testing::Test {};
TYPED_TEST_SUITE(ResidualLayerNormKernel, test::Floating);

struct Case {
  std::int64_t rows = 3, cols = 5;
  double probability = 0.0;
};

// Rows are taken 32 at a time, masks 1024 columns at a time.
const Case kCases[] = {{.rows = 0},
                       {.rows = 1, .cols = 1},
                       {.rows = 33, .cols = 33, .probability = 0.3},
                       {.rows = 260, .cols = 3, .probability = 0.1},
                       {.rows = 2, .cols = 1030, .probability = 0.5}};
constexpr double kEps = 1e-5;

template <typename T>
struct Problem {
  using A = Acc<T>;
  static constexpr const char* kNames[] = {"grad_residual", "grad_branch", "grad_weight",
                                           "grad_bias"};

  Case c;
  std::int64_t count = c.rows * c.cols;
  std::vector<T> residual = test::random_vector<T>(count, 1, -2, 2);
  std::vector<T> branch = test::random_vector<T>(count, 2);
  std::vector<T> weight = test::random_vector<T>(c.cols, 3, 0.5, 1.5);
  std::vector<T> bias = test::random_vector<T>(c.cols, 4);
  std::vector<T> grad_sum = test::random_vector<T>(count, 5);
  std::vector<T> grad_out = test::random_vector<T>(count, 6);
  std::vector<T> sum = test::poisoned<T>(count), out = sum;
  std::vector<A> mean = test::poisoned<A>(c.rows), rstd = mean;
  std::vector<T> grads[4];  // of residual, branch, weight, bias
  DropoutDraw draw{.probability = c.probability, .key = {.seed = 3, .stream = 4, .step = 5}};

  explicit Problem(const Case& which) : c(which) {}

  std::int64_t size_of_gradient(std::size_t n) const { return n < 2 ? count : c.cols; }
  double factor(std::size_t element) const {
    return reference::dropout_factor(draw.key, element, c.probability);
  }
  void forward() {
    residual_layer_norm_forward(test::kCpu, {.dtype = dtype_of<T>,
                                             .sum = sum.data(),
                                             .out = out.data(),
                                             .mean = mean.data(),
                                             .rstd = rstd.data(),
                                             .residual = residual.data(),
                                             .branch = branch.data(),
                                             .weight = weight.data(),
                                             .bias = bias.data(),
                                             .rows = c.rows,
                                             .cols = c.cols,
                                             .eps = kEps,
                                             .dropout = draw});
  }
  void backward(Write write) {
    for (std::size_t n = 0; n < 4; ++n)
      grads[n] = test::before<T>(write, size_of_gradient(n), 10 + n);
    residual_layer_norm_backward(test::kCpu, {.dtype = dtype_of<T>,
                                              .grad_residual = grads[0].data(),
                                              .grad_branch = grads[1].data(),
                                              .grad_weight = grads[2].data(),
                                              .grad_bias = grads[3].data(),
                                              .write_residual = write,
                                              .write_branch = write,
                                              .write_weight = write,
                                              .write_bias = write,
                                              .grad_sum = grad_sum.data(),
                                              .grad_out = grad_out.data(),
                                              .sum = sum.data(),
                                              .weight = weight.data(),
                                              .mean = mean.data(),
                                              .rstd = rstd.data(),
                                              .rows = c.rows,
                                              .cols = c.cols,
                                              .dropout = draw});
  }
};

TYPED_TEST(ResidualLayerNormKernel, AsDefined) {
  using T = TypeParam;
  for (const Case& c : kCases) {
    SCOPED_TRACE(fmt::format("rows {}, cols {}, dropout {}", c.rows, c.cols, c.probability));
    Problem<T> problem(c);
    problem.forward();
    const Doubles weight = test::to_double(problem.weight), bias = test::to_double(problem.bias),
                  g = test::to_double(problem.grad_out),
                  residual = test::to_double(problem.residual),
                  branch = test::to_double(problem.branch),
                  grad_sum = test::to_double(problem.grad_sum), sum = test::to_double(problem.sum);
    Doubles expected_sum;
    for (std::size_t i = 0; i < sum.size(); ++i)
      expected_sum.push_back(residual[i] + branch[i] * problem.factor(i));
    test::expect_close(problem.sum, expected_sum,
                       test::tolerance<T>(1, test::largest(expected_sum)), "sum");
    // The norm is that of the sum as it was rounded.
    const auto cols = static_cast<std::size_t>(c.cols);
    Doubles out, mean, rstd, grads[4] = {{}, {}, Doubles(cols), Doubles(cols)};
    for (std::size_t row = 0; row < static_cast<std::size_t>(c.rows); ++row) {
      const auto begin = sum.begin() + static_cast<std::ptrdiff_t>(row * cols);
      const reference::LayerNormRow norm(Doubles(begin, begin + c.cols), kEps);
      mean.push_back(norm.mean);
      rstd.push_back(norm.rstd);
      Doubles weighted(cols);
      for (std::size_t i = 0; i < cols; ++i) {
        const std::size_t element = row * cols + i;
        out.push_back(norm.normalised[i] * weight[i] + bias[i]);
        weighted[i] = g[element] * weight[i];
        grads[2][i] += g[element] * norm.normalised[i];
        grads[3][i] += g[element];
      }
      for (std::size_t i = 0; i < cols; ++i) {
        const std::size_t element = row * cols + i;
        grads[0].push_back(grad_sum[element] + norm.gradient(weighted, i));
        grads[1].push_back(grads[0].back() * problem.factor(element));
      }
    }
    const auto terms = static_cast<double>(c.rows + c.cols);
    const double scale = test::largest(rstd);
    test::expect_close(problem.out, out, test::tolerance<T>(terms, test::largest(out)), "out");
    test::expect_close(problem.mean, mean, test::tolerance<Acc<T>>(terms, test::largest(mean)),
                       "mean");
    test::expect_close(problem.rstd, rstd, test::tolerance<Acc<T>>(terms, scale), "rstd");
    for (const Write write : test::kWrites) {
      problem.backward(write);
      for (std::size_t n = 0; n < 4; ++n) {
        Doubles expected = grads[n];
        const auto added = test::before<T>(write, problem.size_of_gradient(n), 10 + n);
        for (std::size_t i = 0; i < expected.size() && write == Write::accumulate; ++i)
          expected[i] += test::to_double(added[i]);
        // grad_branch may come from a grad_residual that was rounded before.
        test::expect_close(problem.grads[n], expected,
                           test::tolerance<T>(terms, test::largest(expected), 2) +
                               test::tolerance<Acc<T>>(terms, scale),
                           Problem<T>::kNames[n]);
      }
    }
  }
}

TYPED_TEST(ResidualLayerNormKernel, SameBitsForAnyThreads) {
  Problem<TypeParam> problem({.rows = 600, .cols = 19, .probability = 0.2});
  test::expect_same_bits_for_any_threads([&] {
    problem.forward();
    problem.backward(Write::overwrite);
    return test::bits_of(problem.sum, problem.out, problem.mean, problem.rstd, problem.grads[0],
                         problem.grads[1], problem.grads[2], problem.grads[3]);
  });
}

}  // namespace
}  // namespace seqpe::kernels

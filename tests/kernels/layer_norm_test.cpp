#include "kernels/layer_norm.h"

#include "tests/reference/layer_norm.h"
#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

using test::Doubles;

template <typename T>
class LayerNormKernel : public testing::Test {};
TYPED_TEST_SUITE(LayerNormKernel, test::Floating);

struct Case {
  std::int64_t rows = 3, cols = 5;
  double offset = 0.0;  // of x
};

// Rows are taken 32 at a time.
const Case kCases[] = {{.rows = 0},
                       {.rows = 1},
                       {.cols = 1},
                       {.cols = 2},
                       {.rows = 33, .cols = 33},
                       {.rows = 2, .cols = 771},
                       {.rows = 260, .cols = 3},
                       {.cols = 64, .offset = 50.0}};
constexpr double kEps = 1e-5;

template <typename T>
struct Problem {
  using A = Acc<T>;
  static constexpr const char* kNames[] = {"grad_x", "grad_weight", "grad_bias"};

  Case c;
  std::vector<T> x = test::random_vector<T>(c.rows * c.cols, 1, c.offset - 2, c.offset + 2);
  std::vector<T> weight = test::random_vector<T>(c.cols, 2, 0.5, 1.5);
  std::vector<T> bias = test::random_vector<T>(c.cols, 3);
  std::vector<T> grad_out = test::random_vector<T>(c.rows * c.cols, 4);
  std::vector<T> out = test::poisoned<T>(c.rows * c.cols);
  std::vector<A> mean = test::poisoned<A>(c.rows), rstd = mean;
  std::vector<T> grads[3];  // of x, weight, bias

  explicit Problem(const Case& which) : c(which) {}

  void forward() {
    layer_norm_forward(test::kCpu, {.dtype = dtype_of<T>,
                                    .out = out.data(),
                                    .mean = mean.data(),
                                    .rstd = rstd.data(),
                                    .x = x.data(),
                                    .weight = weight.data(),
                                    .bias = bias.data(),
                                    .rows = c.rows,
                                    .cols = c.cols,
                                    .eps = kEps});
  }
  /// `writes` are those of x, weight and bias; `wanted` has a bit for each.
  void backward(const Write (&writes)[3], unsigned wanted = 7) {
    for (std::size_t n = 0; n < 3; ++n)
      grads[n] = test::before<T>(writes[n], n == 0 ? c.rows * c.cols : c.cols, 10 + n);
    const auto target = [&](std::size_t n) {
      return (wanted >> n & 1) != 0 ? grads[n].data() : nullptr;
    };
    layer_norm_backward(test::kCpu, {.dtype = dtype_of<T>,
                                     .grad_x = target(0),
                                     .grad_weight = target(1),
                                     .grad_bias = target(2),
                                     .write_x = writes[0],
                                     .write_weight = writes[1],
                                     .write_bias = writes[2],
                                     .grad_out = grad_out.data(),
                                     .x = x.data(),
                                     .weight = weight.data(),
                                     .mean = mean.data(),
                                     .rstd = rstd.data(),
                                     .rows = c.rows,
                                     .cols = c.cols});
  }
};

TYPED_TEST(LayerNormKernel, AsDefined) {
  using T = TypeParam;
  constexpr Write kSame = Write::overwrite, kAdd = Write::accumulate;
  constexpr Write kAllWrites[][3] = {
      {kSame, kSame, kSame}, {kAdd, kAdd, kAdd}, {kSame, kAdd, kSame}, {kAdd, kSame, kAdd}};
  for (const Case& c : kCases) {
    SCOPED_TRACE(fmt::format("rows {}, cols {}, offset {}", c.rows, c.cols, c.offset));
    Problem<T> problem(c);
    const Doubles x = test::to_double(problem.x), weight = test::to_double(problem.weight),
                  bias = test::to_double(problem.bias), g = test::to_double(problem.grad_out);
    const auto cols = static_cast<std::size_t>(c.cols);
    Doubles out, mean, rstd, grads[3] = {{}, Doubles(cols), Doubles(cols)};
    for (std::size_t row = 0; row < static_cast<std::size_t>(c.rows); ++row) {
      const auto begin = x.begin() + static_cast<std::ptrdiff_t>(row * cols);
      const reference::LayerNormRow norm(Doubles(begin, begin + c.cols), kEps);
      mean.push_back(norm.mean);
      rstd.push_back(norm.rstd);
      Doubles weighted(cols);
      for (std::size_t i = 0; i < cols; ++i) {
        out.push_back(norm.normalised[i] * weight[i] + bias[i]);
        weighted[i] = g[row * cols + i] * weight[i];
        grads[1][i] += g[row * cols + i] * norm.normalised[i];
        grads[2][i] += g[row * cols + i];
      }
      for (std::size_t i = 0; i < cols; ++i) grads[0].push_back(norm.gradient(weighted, i));
    }
    // Errors of x - mean are those of numbers as large as x, times rstd.
    const auto terms = static_cast<double>(c.rows + c.cols);
    const double scale = test::largest(rstd);
    const double cancelled = test::tolerance<Acc<T>>(terms, scale * c.offset);
    problem.forward();
    test::expect_close(problem.out, out, cancelled + test::tolerance<T>(terms, test::largest(out)),
                       "out");
    test::expect_close(problem.mean, mean, test::tolerance<Acc<T>>(terms, test::largest(mean)),
                       "mean");
    test::expect_close(problem.rstd, rstd,
                       cancelled + test::tolerance<Acc<T>>(terms, test::largest(rstd)), "rstd");
    for (const auto& writes : kAllWrites) {
      problem.backward(writes);
      for (std::size_t n = 0; n < 3; ++n) {
        Doubles expected = grads[n];
        if (writes[n] == Write::accumulate) {
          const auto added =
              test::before<T>(writes[n], static_cast<std::int64_t>(expected.size()), 10 + n);
          for (std::size_t i = 0; i < expected.size(); ++i)
            expected[i] += test::to_double(added[i]);
        }
        test::expect_close(problem.grads[n], expected,
                           scale * cancelled + test::tolerance<T>(terms, test::largest(expected)) +
                               test::tolerance<Acc<T>>(terms, scale),
                           Problem<T>::kNames[n]);
      }
    }
  }
}

TYPED_TEST(LayerNormKernel, GradientsThatNobodyWantsChangeNoOther) {
  Problem<TypeParam> all({.rows = 20, .cols = 9}), some = all;
  constexpr Write kWrites[3] = {};
  all.forward();
  all.backward(kWrites);
  some.forward();
  for (unsigned wanted = 0; wanted < 8; ++wanted) {
    some.backward(kWrites, wanted);
    for (std::size_t n = 0; n < 3; ++n) {
      const auto untouched =
          test::poisoned<TypeParam>(static_cast<std::int64_t>(all.grads[n].size()));
      EXPECT_TRUE(test::bits_of(some.grads[n]) ==
                  test::bits_of((wanted >> n & 1) != 0 ? all.grads[n] : untouched))
          << Problem<TypeParam>::kNames[n] << ", wanted " << wanted;
    }
  }
}

TYPED_TEST(LayerNormKernel, SameBitsForAnyThreads) {
  Problem<TypeParam> problem({.rows = 600, .cols = 19});
  test::expect_same_bits_for_any_threads([&] {
    problem.forward();
    problem.backward({});
    return test::bits_of(problem.out, problem.mean, problem.rstd, problem.grads[0],
                         problem.grads[1], problem.grads[2]);
  });
}

}  // namespace
}  // namespace seqpe::kernels

#include "kernels/divergence.h"

#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

using test::Doubles;

template <typename T>
class DivergenceKernel : public testing::Test {};
TYPED_TEST_SUITE(DivergenceKernel, test::Floating);

constexpr DivergenceKind kKinds[] = {DivergenceKind::kl_div, DivergenceKind::mse};

/// Log-probabilities of a target and a student, and the definitions.
template <typename T>
struct Problem {
  DivergenceKind kind;
  std::int64_t count;
  std::vector<T> target = test::random_vector<T>(count, 1, -6, 0);
  std::vector<T> student = test::random_vector<T>(count, 2, -6, 0);

  double forward() const {
    double mean = std::nan("");
    divergence_forward(test::kCpu, {.dtype = dtype_of<T>,
                                    .kind = kind,
                                    .out = &mean,
                                    .target = target.data(),
                                    .student = student.data(),
                                    .count = count});
    return mean;
  }
  void backward(T* grad_target, T* grad_student, Write write, double grad_out) const {
    divergence_backward(test::kCpu, {.dtype = dtype_of<T>,
                                     .kind = kind,
                                     .grad_target = grad_target,
                                     .grad_student = grad_student,
                                     .write_target = write,
                                     .write_student = write,
                                     .target = target.data(),
                                     .student = student.data(),
                                     .count = count,
                                     .grad_out = &grad_out});
  }
  double expected_mean() const {
    double sum = 0;
    for (std::size_t i = 0; i < target.size(); ++i) {
      const double t = test::to_double(target[i]), s = test::to_double(student[i]);
      sum += kind == DivergenceKind::kl_div ? std::exp(t) * (t - s) : (t - s) * (t - s);
    }
    return count == 0 ? 0.0 : sum / static_cast<double>(count);
  }
};

TYPED_TEST(DivergenceKernel, ForwardIsTheMean) {
  for (const DivergenceKind kind : kKinds) {
    for (const std::int64_t count : {0, 1, 7, 4096, 4097, 9001}) {
      const Problem<TypeParam> problem{kind, count};
      // Each element is good to a few units; the sum runs in float64.
      EXPECT_NEAR(problem.forward(), problem.expected_mean(),
                  test::tolerance<Acc<TypeParam>>(0, 36.0))
          << count;
    }
  }
}

TYPED_TEST(DivergenceKernel, BackwardAsDefined) {
  using T = TypeParam;
  for (const DivergenceKind kind : kKinds) {
    for (const std::int64_t count : {0, 1, 7, 4099}) {
      for (const Write write : test::kWrites) {
        const Problem<T> problem{kind, count};
        const double grad_out = 1.7 * static_cast<double>(count);  // elements of order 1
        auto grad_target = test::before<T>(write, count, 3);
        auto grad_student = test::before<T>(write, count, 4);
        Doubles expected_target(grad_target.size()), expected_student(grad_target.size());
        for (std::size_t i = 0; i < grad_target.size(); ++i) {
          const double t = test::to_double(problem.target[i]);
          const double s = test::to_double(problem.student[i]);
          const bool kl = kind == DivergenceKind::kl_div;
          expected_target[i] = 1.7 * (kl ? std::exp(t) * (t - s + 1) : 2 * (t - s));
          expected_student[i] = 1.7 * (kl ? -std::exp(t) : -2 * (t - s));
          if (write == Write::overwrite) continue;
          expected_target[i] += test::to_double(grad_target[i]);
          expected_student[i] += test::to_double(grad_student[i]);
        }
        problem.backward(grad_target.data(), grad_student.data(), write, grad_out);
        test::expect_close(grad_target, expected_target,
                           test::tolerance<T>(0, test::largest(expected_target)), "grad_target");
        test::expect_close(grad_student, expected_student,
                           test::tolerance<T>(0, test::largest(expected_student)), "grad_student");
      }
    }
  }
}

TYPED_TEST(DivergenceKernel, EitherGradientAlone) {
  using T = TypeParam;
  for (const DivergenceKind kind : kKinds) {
    const Problem<T> problem{kind, 33};
    std::vector<T> both[2] = {test::poisoned<T>(33), test::poisoned<T>(33)};
    std::vector<T> alone[2] = {test::poisoned<T>(33), test::poisoned<T>(33)};
    problem.backward(both[0].data(), both[1].data(), Write::overwrite, 2.0);
    problem.backward(alone[0].data(), nullptr, Write::overwrite, 2.0);
    problem.backward(nullptr, alone[1].data(), Write::overwrite, 2.0);
    for (int n = 0; n < 2; ++n) EXPECT_TRUE(test::bits_of(both[n]) == test::bits_of(alone[n]));
  }
}

TYPED_TEST(DivergenceKernel, SameBitsForAnyThreads) {
  using T = TypeParam;
  for (const DivergenceKind kind : kKinds) {
    const Problem<T> problem{kind, 20001};
    test::expect_same_bits_for_any_threads([&] {
      auto grad = test::poisoned<T>(20001);
      problem.backward(nullptr, grad.data(), Write::overwrite, 2.0);
      return test::bits_of(std::vector<double>{problem.forward()}, grad);
    });
  }
}

}  // namespace
}  // namespace seqpe::kernels

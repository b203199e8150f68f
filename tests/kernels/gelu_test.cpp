#include "kernels/gelu.h"

#include "tests/reference/gelu.h"
#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

struct Form {
  GeluForm form;
  double (*value)(double);
  double (*derivative)(double);
};

constexpr Form kForms[] = {{GeluForm::tanh, reference::gelu_tanh, reference::gelu_tanh_derivative},
                           {GeluForm::erf, reference::gelu_erf, reference::gelu_erf_derivative}};

template <typename T>
class GeluKernel : public testing::Test {};
TYPED_TEST_SUITE(GeluKernel, test::Floating);

/// Densely over [-12, 12], where the pieces of the approximations meet, and by magnitudes beyond.
template <typename T>
std::vector<T> sweep() {
  std::vector<T> x;
  for (int i = -3001; i <= 3001; ++i) x.push_back(test::from_double<T>(i * 0.004));
  for (double magnitude = 1e-30; magnitude < 1e7; magnitude *= 7) {
    x.push_back(test::from_double<T>(magnitude));
    x.push_back(test::from_double<T>(-magnitude));
  }
  return x;
}

template <typename T>
void forward(GeluForm form, std::vector<T>& out, const std::vector<T>& x) {
  gelu_forward(test::kCpu, {.dtype = dtype_of<T>,
                            .form = form,
                            .out = out.data(),
                            .x = x.data(),
                            .count = static_cast<std::int64_t>(x.size())});
}

template <typename T>
void backward(GeluForm form, std::vector<T>& grad_x, const std::vector<T>& grad_out,
              const std::vector<T>& x, Write write) {
  gelu_backward(test::kCpu, {.dtype = dtype_of<T>,
                             .form = form,
                             .grad_x = grad_x.data(),
                             .write = write,
                             .grad_out = grad_out.data(),
                             .x = x.data(),
                             .count = static_cast<std::int64_t>(x.size())});
}

// GELU is x times a number in [0, 1], which is good to a few units of rounding.
TYPED_TEST(GeluKernel, ForwardIsAccurateEverywhere) {
  using T = TypeParam;
  const auto x = sweep<T>();
  for (const Form& form : kForms) {
    auto out = test::poisoned<T>(static_cast<std::int64_t>(x.size()));
    forward(form.form, out, x);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double in = test::to_double(x[i]);
      ASSERT_NEAR(test::to_double(out[i]), form.value(in), test::tolerance<T>(0, std::abs(in)))
          << "x = " << in;
    }
  }
}

TYPED_TEST(GeluKernel, BackwardIsAccurateEverywhere) {
  using T = TypeParam;
  const auto x = sweep<T>();
  const auto grad_out = test::random_vector<T>(static_cast<std::int64_t>(x.size()), 2);
  for (const Form& form : kForms) {
    for (const Write write : test::kWrites) {
      auto grad_x = test::before<T>(write, static_cast<std::int64_t>(x.size()));
      const auto initial = grad_x;
      backward(form.form, grad_x, grad_out, x, write);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double in = test::to_double(x[i]);
        const double added = write == Write::accumulate ? test::to_double(initial[i]) : 0.0;
        const double expected = added + test::to_double(grad_out[i]) * form.derivative(in);
        // The tanh form's 1 - tanh^2 cancels before it meets a cubic, until tanh is 1 at |x| = 6.
        const double cubic = std::pow(std::min(std::abs(in), 6.0), 3);
        const double cancelled =
            form.form == GeluForm::tanh ? test::tolerance<Acc<T>>(0, 0.06 * cubic) : 0.0;
        ASSERT_NEAR(test::to_double(grad_x[i]), expected, test::tolerance<T>(0, 2) + cancelled)
            << "x = " << in;
      }
    }
  }
}

TYPED_TEST(GeluKernel, AnyLength) {
  using T = TypeParam;
  for (const Form& form : kForms) {
    for (const std::int64_t count : {0, 1, 3, 17, 4099}) {
      // One element more than the kernel is told about keeps its poison.
      const auto x = test::random_vector<T>(count, 1, -4, 4);
      auto out = test::poisoned<T>(count + 1);
      forward(form.form, out, x);
      test::Doubles expected;
      for (const T value : x) expected.push_back(form.value(test::to_double(value)));
      expected.push_back(std::nan(""));
      test::expect_close(out, expected, test::tolerance<T>(0, 4), "out");
    }
  }
}

TYPED_TEST(GeluKernel, GradientInPlace) {
  using T = TypeParam;
  const auto x = test::random_vector<T>(101, 1, -4, 4), grad_out = test::random_vector<T>(101, 2);
  for (const Form& form : kForms) {
    auto apart = test::poisoned<T>(101), in_place = grad_out;
    backward(form.form, apart, grad_out, x, Write::overwrite);
    backward(form.form, in_place, in_place, x, Write::overwrite);
    EXPECT_TRUE(test::bits_of(apart) == test::bits_of(in_place));
  }
}

TYPED_TEST(GeluKernel, SameBitsForAnyThreads) {
  using T = TypeParam;
  const auto x = test::random_vector<T>(12301, 1, -4, 4);
  for (const Form& form : kForms) {
    test::expect_same_bits_for_any_threads([&] {
      auto out = test::poisoned<T>(12301), grad_x = out;
      forward(form.form, out, x);
      backward(form.form, grad_x, out, x, Write::overwrite);
      return test::bits_of(out, grad_x);
    });
  }
}

}  // namespace
}  // namespace seqpe::kernels

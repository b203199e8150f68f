#include "kernels/adamw.h"

#include "tests/reference/adamw.h"
#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

struct Settings {
  double learning_rate = 0.01, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0.0, grad_scale = 1.0;
};

const Settings kSettings[] = {
    {},
    {.weight_decay = 0.1},
    {.learning_rate = 0.5, .beta1 = 0.8, .beta2 = 0.95, .eps = 0.01, .weight_decay = 0.3},
    {.grad_scale = 0.037},
    {.eps = 1e-3, .weight_decay = 0.01, .grad_scale = 2.5},
    {.learning_rate = 0.0, .weight_decay = 0.1},
};

template <typename T>
class AdamwKernel : public testing::Test {};
TYPED_TEST_SUITE(AdamwKernel, test::Wide);

template <typename T>
struct Parameters {
  std::vector<T> value, m, v;

  explicit Parameters(std::int64_t count)
      : value(test::random_vector<T>(count, 1)), m(value.size()), v(value.size()) {}

  void update(const Settings& settings, int step, const std::vector<T>& gradient) {
    const AdamwRates rates =
        adamw_rates(settings.learning_rate, settings.beta1, settings.beta2, step);
    adamw(test::kCpu, {.dtype = dtype_of<T>,
                       .value = value.data(),
                       .gradient = gradient.data(),
                       .m = m.data(),
                       .v = v.data(),
                       .count = static_cast<std::int64_t>(value.size()),
                       .rates = rates.data(),
                       .beta1 = settings.beta1,
                       .beta2 = settings.beta2,
                       .eps = settings.eps,
                       .weight_decay = settings.weight_decay,
                       .grad_scale = &settings.grad_scale});
  }
};

TYPED_TEST(AdamwKernel, SeveralStepsAsDefined) {
  using T = TypeParam;
  constexpr int kSteps = 6;
  for (const Settings& settings : kSettings) {
    for (const std::int64_t count : {0, 1, 7, 67}) {
      Parameters<T> parameters(count);
      std::vector<reference::Adamw> expected;
      for (const T value : parameters.value)
        expected.push_back({settings.learning_rate, settings.beta1, settings.beta2, settings.eps,
                            settings.weight_decay, value});
      for (int step = 1; step <= kSteps; ++step) {
        const auto gradient =
            test::random_vector<T>(count, 100 + static_cast<std::uint64_t>(step), -0.5, 1.0);
        parameters.update(settings, step, gradient);
        for (std::size_t i = 0; i < expected.size(); ++i)
          expected[i].update(gradient[i] * settings.grad_scale);
      }
      test::Doubles value, m, v;
      for (const reference::Adamw& one : expected) {
        value.push_back(one.value);
        m.push_back(one.m);
        v.push_back(one.v);
      }
      // A step moves a value by up to learning_rate, with the relative error of the moments.
      const double moved = 1 + kSteps * settings.learning_rate;
      test::expect_close(parameters.value, value, test::tolerance<T>(kSteps, moved), "value");
      test::expect_close(parameters.m, m, test::tolerance<T>(kSteps, test::largest(m)), "m");
      test::expect_close(parameters.v, v, test::tolerance<T>(kSteps, test::largest(v)), "v");
    }
  }
}

// The bias corrections of a late step, alone: with m = v = 0 before it, their ratio is
// (1 - beta1) / sqrt(1 - beta2) * sqrt(1 - beta2^t) / (1 - beta1^t), whatever the gradient.
TYPED_TEST(AdamwKernel, LateStep) {
  using T = TypeParam;
  for (const int step : {2, 1000, 100000}) {
    Parameters<T> parameters(3);
    const auto before = parameters.value;
    parameters.update({.learning_rate = 1.0, .eps = 0}, step, {T(0.25), T(-3), T(1e-3)});
    const double moved = (1 - 0.9) / std::sqrt(1 - 0.999) * std::sqrt(1 - std::pow(0.999, step)) /
                         (1 - std::pow(0.9, step));
    const test::Doubles expected = {before[0] - moved, before[1] + moved, before[2] - moved};
    test::expect_close(parameters.value, expected, test::tolerance<T>(1, 1 + moved), "value");
  }
}

// A value whose gradient was always 0 must not turn into 0 / 0.
TYPED_TEST(AdamwKernel, NoGradientOnlyDecays) {
  using T = TypeParam;
  Parameters<T> parameters(19);
  const auto before = parameters.value;
  const Settings settings = {.learning_rate = 0.5, .weight_decay = 0.5};
  parameters.update(settings, 1, std::vector<T>(19));
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_EQ(parameters.value[i], before[i] * T(0.75));
}

TYPED_TEST(AdamwKernel, SameBitsForAnyThreads) {
  using T = TypeParam;
  const std::int64_t count = 3 * 16384 + 5;
  const auto gradient = test::random_vector<T>(count, 5);
  test::expect_same_bits_for_any_threads([&] {
    Parameters<T> parameters(count);
    for (int step = 1; step <= 2; ++step) parameters.update({.weight_decay = 0.1}, step, gradient);
    return test::bits_of(parameters.value, parameters.m, parameters.v);
  });
}

TEST(AdamwKernelRounded, IsTheNewValueInBf16) {
  auto value = test::random_vector<float>(67, 1);
  const auto gradient = test::random_vector<float>(67, 2);
  std::vector<float> m(67), v(67);
  std::vector<bf16> rounded = test::poisoned<bf16>(67);
  const AdamwRates rates = adamw_rates(0.1, 0.9, 0.999, 1);
  adamw(test::kCpu, {.value = value.data(),
                     .gradient = gradient.data(),
                     .m = m.data(),
                     .v = v.data(),
                     .rounded = rounded.data(),
                     .count = 67,
                     .rates = rates.data()});
  for (std::size_t i = 0; i < value.size(); ++i) EXPECT_EQ(rounded[i].bits, bf16(value[i]).bits);
}

TEST(AdamwKernelErrors, Bf16) {
  try {
    adamw(test::kCpu, {.dtype = DType::bf16});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "[adamw] dtype must be f32 or f64, got bf16.");
  }
}

}  // namespace
}  // namespace seqpe::kernels

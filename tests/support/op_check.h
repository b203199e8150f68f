// What every op must hold, whatever it computes: one call for each case of its table.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/gradient_check.h"
#include "tests/support/tensor_compare.h"
#include "tests/support/thread_count.h"

namespace seqpe::test {

struct OpCase {
  std::string name;
  Function f;
  std::vector<Tensor> inputs;  // f64, all of them differentiable
  /// Terms of the longest sum on the way to the output or to a gradient.
  double terms = 1;
  /// How often a value is rounded to the dtype on the way, counting those that are read again:
  /// gradients that add up in place, values kept for backward.
  double roundings = 1;
};

/// Half the distance from 1 to the next number.
inline double unit_roundoff(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return 0x1p-53;
    case DType::f32:
      return 0x1p-24;
    default:
      return 0x1p-8;
  }
}

/// What a result may be off, as a share of the largest one. Rounding errors have independent
/// signs, so in a sum they grow with the root of the number of terms (Higham and Mary, 2019); the
/// constant covers the few operations around the sum and the float polynomials for exp, tanh and
/// erf, each good to a few units. Kernels sum in float32 or wider.
inline double tolerance(DType dtype, const OpCase& op) {
  const double sum = unit_roundoff(dtype == DType::f64 ? DType::f64 : DType::f32);
  return op.roundings * unit_roundoff(dtype) + 8 * std::sqrt(op.terms + 1) * sum;
}

/// The elements of a floating tensor, widened.
inline std::vector<double> values_of(const Tensor& tensor) {
  return elements<double>(tensor.to(DType::f64));
}

/// The output of an op and its gradients for a random output gradient; undefined for inputs that
/// want none.
struct Pass {
  Tensor out;
  std::vector<Tensor> grads;
};

constexpr std::size_t kEveryInput = std::numeric_limits<std::size_t>::max();

/// Forward and backward with the inputs rounded to `dtype`, then computed in `computed_in`, where
/// `only` (or every input) wants a gradient.
inline Pass run_pass(const OpCase& op, DType dtype, DType computed_in,
                     std::size_t only = kEveryInput) {
  std::vector<Tensor> inputs;
  for (std::size_t n = 0; n < op.inputs.size(); ++n) {
    inputs.push_back(op.inputs[n].to(dtype).to(computed_in).clone());
    if (only == kEveryInput || only == n) inputs.back().set_requires_grad();
  }
  Pass pass;
  pass.out = op.f(inputs);
  const Tensor probe = random_tensor(pass.out.shape(), 1234).to(dtype).to(pass.out.dtype());
  autograd::backward(pass.out, probe);
  for (const Tensor& input : inputs) pass.grads.push_back(input.grad());
  return pass;
}

inline void expect_close(const Tensor& actual, const Tensor& expected, const OpCase& op,
                         DType dtype, const std::string& what) {
  SCOPED_TRACE(what);
  expect_close(actual, expected, tolerance(dtype, op));
}

/// The op in a narrower dtype against the same rounded inputs in float64.
inline void expect_agrees_with_f64(const OpCase& op, DType dtype) {
  const Pass exact = run_pass(op, dtype, DType::f64), pass = run_pass(op, dtype, dtype);
  const std::string in = std::string(" in ") + name_of(dtype);
  expect_close(pass.out, exact.out, op, dtype, "output" + in);
  for (std::size_t n = 0; n < pass.grads.size(); ++n) {
    EXPECT_EQ(pass.grads[n].dtype(), dtype);
    expect_close(pass.grads[n], exact.grads[n], op, dtype,
                 "gradient of input " + std::to_string(n) + in);
  }
}

/// Asking for one gradient alone gives what asking for all gives, and asking for none the output.
inline void expect_gradients_independent(const OpCase& op) {
  const Pass all = run_pass(op, DType::f64, DType::f64);
  for (std::size_t n = 0; n < op.inputs.size(); ++n) {
    const Pass one = run_pass(op, DType::f64, DType::f64, n);
    for (std::size_t m = 0; m < op.inputs.size(); ++m) {
      ASSERT_EQ(one.grads[m].defined(), m == n);
    }
    expect_close(one.grads[n], all.grads[n], op, DType::f64,
                 "gradient of input " + std::to_string(n) + " alone");
  }
  std::vector<Tensor> constants;
  for (const Tensor& input : op.inputs) constants.push_back(input.detach());
  const Tensor unrecorded = op.f(constants);
  EXPECT_FALSE(unrecorded.requires_grad());
  EXPECT_TRUE(same_bits(unrecorded, all.out)) << "recording changes the output";
}

/// Sums have one order: 1, 2 and 4 threads give the same bits.
inline void expect_same_bits_for_any_threads(const OpCase& op) {
  const auto with = [&](int threads) {
    const ThreadCount scope(threads);
    return run_pass(op, DType::f32, DType::f32);
  };
  const Pass alone = with(1);
  for (const int threads : {2, 4}) {
    const Pass together = with(threads);
    EXPECT_TRUE(same_bits(together.out, alone.out)) << threads << " threads change the output";
    for (std::size_t n = 0; n < alone.grads.size(); ++n) {
      EXPECT_TRUE(same_bits(together.grads[n], alone.grads[n]))
          << threads << " threads change the gradient of input " << n;
    }
  }
}

/// Gradients against central differences, their accumulation, their independence, the three dtypes
/// and numbers of threads. `gradient_tolerance` as in expect_gradients_match.
inline void expect_sound(const OpCase& op, double gradient_tolerance = 1e-7) {
  SCOPED_TRACE(op.name);
  const ThreadCount one(1);  // but where several are compared: waking them takes longer
  std::vector<Tensor> copies;
  for (const Tensor& input : op.inputs) copies.push_back(input.clone());
  expect_gradients_match(op.f, copies, gradient_tolerance);
  for (Tensor& copy : copies) copy = copy.clone();
  expect_gradients_accumulate(op.f, copies);
  expect_gradients_independent(op);
  expect_agrees_with_f64(op, DType::f32);
  expect_agrees_with_f64(op, DType::bf16);
  expect_same_bits_for_any_threads(op);
}

/// Elements of an output computed by hand; exact unless a tolerance is given.
inline void expect_values(const Tensor& actual, const Shape& shape,
                          const std::vector<double>& expected, double allowed = 0.0) {
  ASSERT_EQ(actual.shape(), shape);
  const std::vector<double> values = values_of(actual);
  ASSERT_EQ(values.size(), expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(values[i], expected[i], allowed) << "element " << i;
  }
}

/// A call that must be refused, and the message.
struct Refusal {
  std::function<void()> call;
  std::string message;
};

inline void expect_refused(const std::vector<Refusal>& refusals) {
  for (const Refusal& refusal : refusals) {
    SCOPED_TRACE(refusal.message);
    expect_error(refusal.call, refusal.message);
  }
}

}  // namespace seqpe::test

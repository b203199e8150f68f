// GELU (Hendrycks and Gimpel, 2016) of one value, exact (erf) and in GPT-2's tanh form, with
// derivatives.
#pragma once

#include "kernels/cpu/vector_math.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {

template <typename A>
static inline A gelu_tanh(A x) {
  return A(0.5) * x * (A(1) + fast_tanh(A(0.7978845608028654) * (x + A(0.044715) * x * x * x)));
}

template <typename A>
static inline A gelu_tanh_derivative(A x) {
  const A t = fast_tanh(A(0.7978845608028654) * (x + A(0.044715) * x * x * x));
  const A inner = A(0.7978845608028654) * (A(1) + A(3 * 0.044715) * x * x);
  return A(0.5) * (A(1) + t) + A(0.5) * x * (A(1) - t * t) * inner;
}

/// |x|, but no more than 13, beyond which the normal distribution has 1e-38.
template <typename A>
static inline A bounded_magnitude(A x) {
  const A magnitude = x < 0 ? -x : x;
  return magnitude > A(13) ? A(13) : magnitude;
}

/// x Phi(x), by the tail beyond |x|: small numbers for negative x, x less a small one for positive.
template <typename A>
static inline A gelu_erf(A x) {
  const A z = bounded_magnitude(x);
  return (x < 0 ? A(0) : x) - z * normal_tail(z, exp_within_bounds(A(-0.5) * z * z));
}

/// Phi(x) + x phi(x), which is 1 less that of -x.
template <typename A>
static inline A gelu_erf_derivative(A x) {
  const A z = bounded_magnitude(x), e = exp_within_bounds(A(-0.5) * z * z);
  const A at_minus_z = normal_tail(z, e) - A(0.3989422804014327) * z * e;
  return x < 0 ? at_minus_z : A(1) - at_minus_z;
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA

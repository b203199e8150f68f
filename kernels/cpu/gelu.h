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

template <typename A>
static inline A gelu_erf(A x) {
  return x * fast_normal_cdf(x, fast_exp(A(-0.5) * x * x));
}

template <typename A>
static inline A gelu_erf_derivative(A x) {
  const A e = fast_exp(A(-0.5) * x * x);
  return fast_normal_cdf(x, e) + A(0.3989422804014327) * x * e;
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA

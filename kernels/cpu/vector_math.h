// exp, tanh and erf that the compiler can vectorise: no branches, no tables. The float versions are
// polynomials with a relative error of 1e-7 (exp), 2e-7 (tanh) and 1e-6 (erf); the double versions
// call the library, they serve checks.
#pragma once

#include <cmath>
#include <cstdint>

namespace seqpe::kernels::cpu::SEQPE_ISA {

/// e^x; 0 below -87, so that masked logits (-inf) give exact zeros; e^88, not infinity, above 88.
static inline float fast_exp(float x) {
  const float clamped = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  // x = n ln 2 + r with |r| <= ln 2 / 2. Adding 1.5 * 2^23 rounds to the nearest integer, which is
  // then the low bits of the sum.
  const float shifted = clamped * 1.44269504088896341f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;  // minimax coefficients of Cephes expf
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // From the bits, not by a cast of n: that of a NaN is undefined.
  const std::uint32_t exponent = (__builtin_bit_cast(std::uint32_t, shifted) + 127u) << 23;
  const float result = p * __builtin_bit_cast(float, exponent);
  return x < -87.0f ? 0.0f : result;
}
static inline double fast_exp(double x) {
  return std::exp(x);
}

static inline float fast_tanh(float x) {
  // Near 0 the quotient form loses digits, so a short odd polynomial takes over.
  const float magnitude = x < 0.0f ? -x : x;
  const float bounded = magnitude > 10.0f ? 10.0f : magnitude;
  const float e = fast_exp(-2.0f * bounded);
  const float large = (1.0f - e) / (1.0f + e);
  const float s = x * x;
  float p = -5.70498872745e-3f;  // Cephes tanhf, |x| < 0.625
  p = p * s + 2.06390887954e-2f;
  p = p * s - 5.37397155531e-2f;
  p = p * s + 1.33314422036e-1f;
  p = p * s - 3.33332819422e-1f;
  const float small = magnitude + magnitude * s * p;
  const float result = magnitude < 0.625f ? small : large;
  return x < 0.0f ? -result : result;
}
static inline double fast_tanh(double x) {
  return std::tanh(x);
}

/// erf(x), given e^(-x^2), which who needs a derivative has, too.
static inline float fast_erf(float x, float exp_minus_square) {
  // Abramowitz and Stegun 7.1.26 has an absolute error of 1.5e-7 (5e-7 with the rounding of its
  // alternating sum); near 0 the Maclaurin series keeps the relative error.
  const float magnitude = x < 0.0f ? -x : x;
  const float t = 1.0f / (1.0f + 0.3275911f * magnitude);
  float p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const float large = 1.0f - p * t * exp_minus_square;
  const float s = magnitude * magnitude;
  const float small = magnitude * 1.1283791671f *
                      (1.0f - s * (1.0f / 3 - s * (0.1f - s * (1.0f / 42 - s * (1.0f / 216)))));
  const float result = magnitude < 0.5f ? small : large;
  return x < 0.0f ? -result : result;
}
static inline double fast_erf(double x, double) {
  return std::erf(x);
}
template <typename A>
static inline A fast_erf(A x) {
  return fast_erf(x, fast_exp(-x * x));
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA

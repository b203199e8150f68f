// exp, tanh and the normal distribution that the compiler can vectorise: no branches, no tables.
// The float versions are polynomials with a relative error of 1e-7 (exp) and 2e-7 (tanh) and an
// absolute one of 1e-7 (the distribution's tail); the double versions call the library, they serve
// checks.
#pragma once

#include <cmath>
#include <cstdint>

namespace seqpe::kernels::cpu::SEQPE_ISA {

/// e^x for x in [-87, 88], and NaN; nothing of use elsewhere.
static inline float exp_within_bounds(float x) {
  // x = n ln 2 + r with |r| <= ln 2 / 2. Adding 1.5 * 2^23 rounds to the nearest integer, which is
  // then the low bits of the sum.
  const float shifted = x * 1.44269504088896341f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;  // minimax coefficients of Cephes expf
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // From the bits, not by a cast of n: that of a NaN is undefined.
  const std::uint32_t exponent = (__builtin_bit_cast(std::uint32_t, shifted) + 127u) << 23;
  return p * __builtin_bit_cast(float, exponent);
}
static inline double exp_within_bounds(double x) {
  return std::exp(x);
}

/// e^x; 0 below -87, so that masked logits (-inf) give exact zeros; e^88, not infinity, above 88.
static inline float fast_exp(float x) {
  const float result = exp_within_bounds(x > 88.0f ? 88.0f : x);
  return x < -87.0f ? 0.0f : result;
}
static inline double fast_exp(double x) {
  return std::exp(x);
}

static inline float fast_tanh(float x) {
  // Near 0 the quotient form loses digits, so a short odd polynomial takes over.
  const float magnitude = x < 0.0f ? -x : x;
  const float bounded = magnitude > 10.0f ? 10.0f : magnitude;
  const float e = exp_within_bounds(-2.0f * bounded);
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

/// How much of the normal distribution lies beyond z >= 0, given e^(-z^2 / 2), which its density
/// has, too.
static inline float normal_tail(float z, float exp_minus_half_square) {
  // The exponential falls, the other factor (erfcx(z / sqrt 2) / 2) hardly does: a polynomial with
  // the least absolute error of the product, 2e-8.
  float p = -3.296320870e-07f;
  p = p * z + 7.984244803e-06f;
  p = p * z - 8.707134839e-05f;
  p = p * z + 5.744021037e-04f;
  p = p * z - 2.621032065e-03f;
  p = p * z + 9.060773067e-03f;
  p = p * z - 2.553906292e-02f;
  p = p * z + 6.197385490e-02f;
  p = p * z - 1.328279078e-01f;
  p = p * z + 2.499778867e-01f;
  p = p * z - 3.989411592e-01f;
  p = p * z + 5.000000000e-01f;
  return (p < 0.0f ? 0.0f : p) * exp_minus_half_square;  // p is below 0 beyond 5.6
}
static inline double normal_tail(double z, double) {
  return 0.5 * std::erfc(z * 0.70710678118654752);
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA

// Small pieces that every CPU kernel uses. Everything is `static inline` inside the ISA namespace
// of the including file: code compiled for one instruction set must never be shared with another
// through the linker.
#pragma once

#include <cstdint>

#include "kernels/common/context.h"
#include "kernels/common/dtype.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {

static inline float load(const float* p) {
  return *p;
}
static inline double load(const double* p) {
  return *p;
}
static inline float load(const bf16* p) {
  const std::uint32_t wide = static_cast<std::uint32_t>(p->bits) << 16;
  return __builtin_bit_cast(float, wide);
}

static inline void store(float* p, float value) {
  *p = value;
}
static inline void store(double* p, double value) {
  *p = value;
}
static inline void store(bf16* p, float value) {
  const std::uint32_t wide = __builtin_bit_cast(std::uint32_t, value);
  const std::uint32_t rounded = (wide + 0x7fffu + ((wide >> 16) & 1u)) >> 16;
  const bool is_nan = (wide & 0x7fffffffu) > 0x7f800000u;
  p->bits = static_cast<std::uint16_t>(is_nan ? ((wide >> 16) | 0x0040u) : rounded);
}

/// `=` or `+=`, as the arguments say.
template <typename T>
static inline void write_to(T* p, Acc<T> value, Write write) {
  store(p, write == Write::accumulate ? load(p) + value : value);
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA

// Squares of one vector's length, transposed in registers.
#pragma once

#include <cstdint>
#include <utility>

#include "kernels/cpu/tile_gemm.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {

/// One step of a square's transposition: rows kStep apart exchange the halves of every 2 kStep
/// elements.
template <int kStep, typename A, int... kLane>
static inline void exchange_halves(typename Vector<A>::type* rows,
                                   std::integer_sequence<int, kLane...>) {
  constexpr int kLanes = sizeof...(kLane);
#pragma GCC unroll 16
  for (int row = 0; row < kLanes; ++row) {
    if ((row & kStep) != 0) continue;
    const typename Vector<A>::type first = rows[row], second = rows[row + kStep];
    rows[row] = __builtin_shufflevector(first, second,
                                        ((kLane & kStep) != 0 ? kLanes + kLane - kStep : kLane)...);
    rows[row + kStep] = __builtin_shufflevector(
        first, second, ((kLane & kStep) != 0 ? kLanes + kLane : kLane + kStep)...);
  }
}

/// out[c, r] = in[r, c] for r, c below the vector length.
template <typename A>
static inline void transpose_square(A* out, std::int64_t out_stride, const A* in,
                                    std::int64_t in_stride) {
  using V = typename Vector<A>::type;
  constexpr int kLanes = Vector<A>::kLanes;
  V rows[kLanes];
#pragma GCC unroll 16
  for (int r = 0; r < kLanes; ++r) rows[r] = *reinterpret_cast<const V*>(in + r * in_stride);
  constexpr std::make_integer_sequence<int, kLanes> kLane;
  if constexpr (kLanes >= 16) exchange_halves<8, A>(rows, kLane);
  if constexpr (kLanes >= 8) exchange_halves<4, A>(rows, kLane);
  if constexpr (kLanes >= 4) exchange_halves<2, A>(rows, kLane);
  exchange_halves<1, A>(rows, kLane);
#pragma GCC unroll 16
  for (int r = 0; r < kLanes; ++r) *reinterpret_cast<V*>(out + r * out_stride) = rows[r];
}

/// out[c, r] = in[r, c] for r < rows, c < columns.
template <typename A>
static inline void transpose(A* out, std::int64_t out_stride, const A* in, std::int64_t in_stride,
                             std::int64_t rows, std::int64_t columns) {
  constexpr std::int64_t kLanes = Vector<A>::kLanes;
  const std::int64_t whole_rows = rows / kLanes * kLanes, whole = columns / kLanes * kLanes;
  for (std::int64_t r = 0; r < whole_rows; r += kLanes) {
    for (std::int64_t c = 0; c < whole; c += kLanes)
      transpose_square(out + c * out_stride + r, out_stride, in + r * in_stride + c, in_stride);
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = r < whole_rows ? whole : 0; c < columns; ++c)
      out[c * out_stride + r] = in[r * in_stride + c];
  }
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA

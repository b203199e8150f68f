// The lanes of a vector made one value, in halves: the compiler, left to it, adds them one by one.
#pragma once

#include <utility>

#include "kernels/cpu/tile_gemm.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {

template <typename A, typename F, int... kLane>
static inline A fold_lanes(typename Vector<A>::type v, const F& combine,
                           std::integer_sequence<int, kLane...>) {
  constexpr int kLanes = sizeof...(kLane);
  if constexpr (kLanes >= 16) v = combine(v, __builtin_shufflevector(v, v, (kLane ^ 8)...));
  if constexpr (kLanes >= 8) v = combine(v, __builtin_shufflevector(v, v, (kLane ^ 4)...));
  if constexpr (kLanes >= 4) v = combine(v, __builtin_shufflevector(v, v, (kLane ^ 2)...));
  return combine(v, __builtin_shufflevector(v, v, (kLane ^ 1)...))[0];
}

template <typename A>
constexpr auto kLaneNumbers =
    std::make_integer_sequence<int, static_cast<int>(Vector<A>::kLanes)>();

template <typename A>
static inline A sum_of_lanes(typename Vector<A>::type v) {
  using V = typename Vector<A>::type;
  return fold_lanes<A>(
      v, [](V x, V y) { return x + y; }, kLaneNumbers<A>);
}

/// Of lanes none of which is NaN.
template <typename A>
static inline A largest_lane(typename Vector<A>::type v) {
  using V = typename Vector<A>::type;
  return fold_lanes<A>(
      v, [](V x, V y) { return y > x ? y : x; }, kLaneNumbers<A>);
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA

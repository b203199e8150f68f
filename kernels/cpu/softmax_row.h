// The two reductions of a softmax over one row.
#pragma once

#include "kernels/cpu/numeric.h"
#include "kernels/cpu/vector_math.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {

template <typename T>
static inline Acc<T> row_maximum(const T* x, std::int64_t count) {
  Acc<T> maximum = -__builtin_inf();
#pragma omp simd reduction(max : maximum)
  for (std::int64_t c = 0; c < count; ++c) maximum = load(x + c) > maximum ? load(x + c) : maximum;
  return maximum;
}

/// sum of e^(x - maximum)
template <typename T>
static inline Acc<T> row_sum_of_exp(const T* x, std::int64_t count, Acc<T> maximum) {
  Acc<T> sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t c = 0; c < count; ++c) sum += fast_exp(load(x + c) - maximum);
  return sum;
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA

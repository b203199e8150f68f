// Packs as floats: up to 16 bytes of a tensor in one access, computed on in float32.
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

template <int N, typename T>
__device__ __forceinline__ void to_floats(float (&values)[N], const T (&elements)[N]) {
#pragma unroll
  for (int i = 0; i < N; ++i) values[i] = simt::to_float(elements[i]);
}

/// elements = from[0, N)
template <int N, typename T>
__device__ __forceinline__ void load_elements(T (&elements)[N], const T* from) {
  const simt::Pack<T, N> pack = simt::load_pack<N>(from);
#pragma unroll
  for (int i = 0; i < N; ++i) elements[i] = pack.values[i];
}
template <int N, typename T>
__device__ __forceinline__ void load_floats(float (&values)[N], const T* from) {
  to_floats(values, simt::load_pack<N>(from).values);
}

/// to[0, N) = values
template <int N, typename T>
__device__ __forceinline__ void store_floats(T* to, const float (&values)[N]) {
  simt::Pack<T, N> pack;
#pragma unroll
  for (int i = 0; i < N; ++i) pack.values[i] = simt::from_float<T>(values[i]);
  simt::store_pack(to, pack);
}

/// to[0, N) (=|+=) values
template <int N, typename T>
__device__ __forceinline__ void write_floats(T* to, const float (&values)[N], Write write) {
  if (write == Write::overwrite) return store_floats(to, values);
  float sums[N];
  load_floats(sums, to);
#pragma unroll
  for (int i = 0; i < N; ++i) sums[i] += values[i];
  store_floats(to, sums);
}

/// Whether 16 bytes at a time can be asked for at each of these addresses; null is never read.
template <typename... Pointers>
bool aligned_for_packs(Pointers... pointers) {
  return ((reinterpret_cast<std::uintptr_t>(pointers) % 16 == 0) && ...);
}

/// Whether each row is whole packs of 16 bytes.
template <typename... Operands>
bool rows_are_packs(DType dtype, std::int64_t columns, const Operands&... x) {
  const std::int64_t size = 16 / static_cast<std::int64_t>(size_of(dtype));
  return columns % size == 0 && ((aligned_for_packs(x.data) && x.batch_stride % size == 0 &&
                                  x.token_stride % size == 0 && x.head_stride % size == 0) &&
                                 ...);
}

}  // namespace seqpe::kernels::cuda

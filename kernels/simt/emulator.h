// simt.h for the host's compiler: the words of CUDA, answered by the emulator. Only kernel sources
// include it: it defines macros such as threadIdx.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/simt/device_functions.h"
#include "kernels/simt/grid.h"
#include "kernels/simt/pack.h"
#include "kernels/simt/recording.h"
#include "kernels/simt/thread.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __restrict__ __restrict

#define threadIdx (::seqpe::simt::current_thread->index)
#define blockIdx (::seqpe::simt::current_block.index)
#define blockDim (::seqpe::simt::current_block.block)
#define gridDim (::seqpe::simt::current_block.grid)

#define SEQPE_SHARED(Type, name)                                             \
  using name##_shared_type = Type;                                           \
  static ::seqpe::simt::SharedVariable name##_shared_variable;               \
  name##_shared_type& name =                                                 \
      *reinterpret_cast<name##_shared_type*>(::seqpe::simt::shared_variable( \
          name##_shared_variable, sizeof(name##_shared_type), alignof(name##_shared_type)))
#define SEQPE_SHARED_DYNAMIC(name) unsigned char* const name = ::seqpe::simt::dynamic_shared()

namespace seqpe::simt {

/// Runs the kernel to its end, now or when the recording is played. Throws Error with whatever the
/// emulator found wrong.
template <typename... Parameters, typename... Arguments>
void launch(const Context&, const Launch& shape, void (*kernel)(Parameters...),
            Arguments... arguments) {
  in_stream_order([=] {
    // By value: on the stack, like a GPU's parameters no memory that a kernel could get wrong.
    const auto call = [=] { kernel(static_cast<Parameters>(arguments)...); };
    run_grid(
        shape, reinterpret_cast<const void*>(kernel),
        [](void* function) { (*static_cast<decltype(call)*>(function))(); },
        const_cast<void*>(static_cast<const void*>(&call)));
  });
}

// Always inlined: an observer shall see the line of the kernel.
template <int N, typename T>
__forceinline__ Pack<T, N> load_pack(const T* from) {
  Pack<T, N> pack;
  read_as_one(&pack, from, sizeof(pack));
  return pack;
}
template <int N, typename T>
__forceinline__ void store_pack(T* to, const Pack<T, N>& pack) {
  write_as_one(to, &pack, sizeof(pack));
}

// Always inlined: GCC's hooks for the checker miss the store of a call's result.
__forceinline__ float to_float(bf16 value) {
  return static_cast<float>(value);
}
__forceinline__ float to_float(float value) {
  return value;
}
template <typename T>
__forceinline__ T from_float(float value) {
  return static_cast<T>(value);
}

/// A value that a lane gives, read from another lane: `source` is a lane of the warp.
template <typename T>
__forceinline__ T shuffle(unsigned mask, T value, unsigned source) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = shuffle_bits(mask, bits, source);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

}  // namespace seqpe::simt

// CUDA's own names, in the global namespace as there; inlined, so that a call of the emulator comes
// from the kernel's line. `width` cuts the warp into parts that do not see each other.
template <typename T>
__forceinline__ T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
  const unsigned lane = seqpe::simt::current_thread->lane, part = static_cast<unsigned>(width) - 1;
  return seqpe::simt::shuffle(mask, value, (lane & ~part) | (static_cast<unsigned>(source) & part));
}
template <typename T>
__forceinline__ T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32) {
  const unsigned lane = seqpe::simt::current_thread->lane, part = static_cast<unsigned>(width) - 1;
  const unsigned source = lane ^ static_cast<unsigned>(lanes);
  return seqpe::simt::shuffle(mask, value, (source & ~part) > (lane & ~part) ? lane : source);
}
template <typename T>
__forceinline__ T __shfl_down_sync(unsigned mask, T value, unsigned lanes, int width = 32) {
  const unsigned lane = seqpe::simt::current_thread->lane, part = static_cast<unsigned>(width) - 1;
  return seqpe::simt::shuffle(mask, value, (lane & part) + lanes > part ? lane : lane + lanes);
}
template <typename T>
__forceinline__ T __shfl_up_sync(unsigned mask, T value, unsigned lanes, int width = 32) {
  const unsigned lane = seqpe::simt::current_thread->lane, part = static_cast<unsigned>(width) - 1;
  return seqpe::simt::shuffle(mask, value, (lane & part) < lanes ? lane : lane - lanes);
}
__forceinline__ unsigned __ballot_sync(unsigned mask, int predicate) {
  return seqpe::simt::ballot(mask, predicate != 0);
}
__forceinline__ void __syncwarp(unsigned mask = seqpe::simt::kFullMask) {
  seqpe::simt::sync_warp(mask);
}
__forceinline__ void __syncthreads() {
  seqpe::simt::sync_block();
}

inline float rsqrtf(float x) {
  return 1.0f / std::sqrt(x);
}
/// Never part of a fused multiply-add: the host's are compiled for processors without one.
inline float __fmul_rn(float a, float b) {
  return a * b;
}
inline float __fadd_rn(float a, float b) {
  return a + b;
}
inline int __popc(unsigned bits) {
  return __builtin_popcount(bits);
}
inline float __uint_as_float(unsigned bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
template <typename T>
constexpr T min(T a, T b) {
  return b < a ? b : a;
}
template <typename T>
constexpr T max(T a, T b) {
  return a < b ? b : a;
}

__forceinline__ int atomicAdd(int* address, int value) {
  seqpe::simt::begin_atomic(address, sizeof(*address));
  return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}
__forceinline__ unsigned atomicAdd(unsigned* address, unsigned value) {
  seqpe::simt::begin_atomic(address, sizeof(*address));
  return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}

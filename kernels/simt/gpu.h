// simt.h for nvcc: CUDA as it is.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/simt/launch.h"
#include "kernels/simt/limits.h"
#include "kernels/simt/pack.h"

#define SEQPE_SHARED(Type, name)   \
  using name##_shared_type = Type; \
  __shared__ name##_shared_type name
#define SEQPE_SHARED_DYNAMIC(name)                                        \
  extern __shared__ __align__(1024) unsigned char seqpe_dynamic_shared[]; \
  unsigned char* const name = seqpe_dynamic_shared

namespace seqpe::simt {

/// Throws DeviceError with the kernel's name if `status` is not success.
void check_cuda(int status, const char* what);

/// Queues the kernel on the context's stream.
template <typename... Parameters, typename... Arguments>
void launch(const Context& context, const Launch& shape, void (*kernel)(Parameters...),
            Arguments... arguments) {
  check_launch(shape);
  if (asks_for_more_shared(shape.shared_bytes)) {
    check_cuda(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                    cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(shape.shared_bytes)),
               shape.kernel);
  }
  kernel<<<shape.grid, shape.block, shape.shared_bytes,
           static_cast<cudaStream_t>(context.stream)>>>(static_cast<Parameters>(arguments)...);
  check_cuda(cudaGetLastError(), shape.kernel);
}

template <int N, typename T>
__device__ __forceinline__ Pack<T, N> load_pack(const T* from) {
  return *reinterpret_cast<const Pack<T, N>*>(from);
}
template <int N, typename T>
__device__ __forceinline__ void store_pack(T* to, const Pack<T, N>& pack) {
  *reinterpret_cast<Pack<T, N>*>(to) = pack;
}

__device__ __forceinline__ float to_float(bf16 value) {
  return __uint_as_float(static_cast<unsigned>(value.bits) << 16);
}
__device__ __forceinline__ float to_float(float value) {
  return value;
}

/// The nearest T to a float.
template <typename T>
__device__ __forceinline__ T from_float(float value);
template <>
__device__ __forceinline__ float from_float<float>(float value) {
  return value;
}
template <>
__device__ __forceinline__ bf16 from_float<bf16>(float value) {
  bf16 out;
  out.bits = __bfloat16_as_ushort(__float2bfloat16_rn(value));
  return out;
}

}  // namespace seqpe::simt

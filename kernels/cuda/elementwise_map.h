// Kernels that compute each element from the elements at the same place: out[i] (=|+=) value(i).
#pragma once

#include <cstdint>

#include "kernels/cuda/packs.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

constexpr int kMapThreads = 256;

/// Blocks for `count` threads' worth of work that walks in steps of the grid: enough to fill a GPU
/// several times.
inline unsigned blocks_for(std::int64_t count) {
  constexpr std::int64_t kMostBlocks = 4096;
  const std::int64_t wanted = (count + kMapThreads - 1) / kMapThreads;
  return static_cast<unsigned>(wanted < 1 ? 1 : (wanted < kMostBlocks ? wanted : kMostBlocks));
}

/// A thread takes N neighbouring elements at a time, in steps of the grid; the count % N last
/// elements are one thread's each. value(floats, i) gives elements i ... i + N - 1, or one of them.
template <int N, typename T, typename Value>
__global__ void __launch_bounds__(kMapThreads)
    map_pack_per_thread_kernel(T* out, std::int64_t count, Write write, Value value) {
  const std::int64_t thread = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const std::int64_t threads = static_cast<std::int64_t>(gridDim.x) * blockDim.x, packs = count / N;
  for (std::int64_t pack = thread; pack < packs; pack += threads) {
    float values[N];
    value(values, pack * N);
    write_floats(out + pack * N, values, write);
  }
  const std::int64_t rest = packs * N + thread;
  if (thread < N && rest < count) {
    float values[1];
    value(values, rest);
    write_floats(out + rest, values, write);
  }
}

/// `packs`: whether every address that value reads, and out, allows 16 bytes at a time. kPack:
/// elements of a pack, fewer than out's 16 bytes hold where value reads wider ones; 0: as many.
template <int kPack = 0, typename T, typename Value>
void launch_map(const Context& context, const char* name, T* out, std::int64_t count, Write write,
                bool packs, const Value& value) {
  if (count == 0) return;
  constexpr int kSize = kPack == 0 ? simt::kPackSize<T> : kPack;
  if (packs) {
    simt::launch(context, {name, dim3(blocks_for((count + kSize - 1) / kSize)), dim3(kMapThreads)},
                 map_pack_per_thread_kernel<kSize, T, Value>, out, count, write, value);
  } else {
    simt::launch(context, {name, dim3(blocks_for(count)), dim3(kMapThreads)},
                 map_pack_per_thread_kernel<1, T, Value>, out, count, write, value);
  }
}

}  // namespace seqpe::kernels::cuda

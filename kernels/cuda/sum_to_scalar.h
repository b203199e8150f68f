// Sums over all elements to one float64 on the device. Each block adds up its part in float64 and
// leaves a partial sum; one more block adds the partial sums, thread by thread in order. How the
// work is cut depends on the count alone.
#pragma once

#include <cstdint>

#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/scratch.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

constexpr int kSumThreads = 256;

/// partial[block] = sum of value(i) over its elements: a thread takes N neighbours at a time, in
/// steps of the grid.
template <int N, typename Value>
__global__ void __launch_bounds__(kSumThreads)
    sum_pack_per_thread_kernel(double* __restrict__ partial, std::int64_t count, Value value) {
  const std::int64_t thread = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const std::int64_t threads = static_cast<std::int64_t>(gridDim.x) * blockDim.x, packs = count / N;
  SEQPE_SHARED(double[kMostWarps], sums);
  double total = 0.0;
  for (std::int64_t pack = thread; pack < packs; pack += threads)
    total += value.template at<N>(pack * N);
  const std::int64_t rest = packs * N + thread;
  if (thread < N && rest < count) total += value.template at<1>(rest);
  total = block_sum(total, sums);
  if (threadIdx.x == 0) partial[blockIdx.x] = total;
}

/// *out = scale * sum of the partial sums
template <int kThreads>
__global__ void __launch_bounds__(kThreads)
    sum_partials_one_block_kernel(double* out, const double* partial, int partials, double scale) {
  SEQPE_SHARED(double[kMostWarps], sums);
  double total = 0.0;
  for (int p = static_cast<int>(threadIdx.x); p < partials; p += kThreads) total += partial[p];
  total = block_sum(total, sums);
  if (threadIdx.x == 0) *out = scale * total;
}

/// N: 1, or the size of a pack where every address that value reads allows 16 bytes at a time.
template <int N, typename Value>
void launch_sum(const Context& context, const char* name, double* out, std::int64_t count,
                double scale, const Value& value) {
  constexpr std::int64_t kElementsOfBlock = 8192, kMostBlocks = 1024;
  const std::int64_t wanted = (count + kElementsOfBlock - 1) / kElementsOfBlock;
  const auto blocks =
      static_cast<int>(wanted < 1 ? 1 : (wanted < kMostBlocks ? wanted : kMostBlocks));
  const DeviceScratch partial(context, static_cast<std::size_t>(blocks) * sizeof(double));
  simt::launch(context, {name, dim3(static_cast<unsigned>(blocks)), dim3(kSumThreads)},
               sum_pack_per_thread_kernel<N, Value>, partial.as<double>(), count, value);
  simt::launch(context, {"sum_partials", dim3(1), dim3(kSumThreads)},
               sum_partials_one_block_kernel<kSumThreads>, out, partial.as<double>(), blocks,
               scale);
}

}  // namespace seqpe::kernels::cuda

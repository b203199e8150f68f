// The gradient of pe_q or pe_k from those that each (sequence, head) gave: no atomics, so that the
// order of additions is fixed.
#pragma once

#include <cstdint>

#include "kernels/attention.h"
#include "kernels/cuda/attention_tile.h"
#include "kernels/cuda/elementwise_map.h"
#include "kernels/cuda/scratch.h"

namespace seqpe::kernels::cuda {

/// grad_pe (=|+=) the sum of by_sequence [batch, heads, tokens, pe_size] over the sequences of each
/// block, in order, and over the heads if they share a slice; a thread an element of [pe_blocks,
/// tokens, heads or 1, pe_size].
template <typename T>
__global__ void __launch_bounds__(kMapThreads)
    attention_sum_sequences_thread_per_element_kernel(AttentionOutput output,
                                                      const float* __restrict__ by_sequence,
                                                      AttentionShape shape, std::int64_t tokens,
                                                      std::int64_t count) {
  const std::int64_t e = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (e >= count) return;
  const bool shared = output.head_stride == 0;
  const std::int64_t slices = shared ? 1 : shape.heads, c = e % shape.pe_size,
                     slice = e / shape.pe_size % slices;
  const std::int64_t t = e / shape.pe_size / slices % tokens,
                     block = e / shape.pe_size / slices / tokens;
  const std::int64_t blocks = shape.pe_blocks;
  float sum = 0.0f;
  for (std::int64_t h = shared ? 0 : slice; h < (shared ? shape.heads : slice + 1); ++h) {
    for (std::int64_t b = (block - shape.first_sequence % blocks + blocks) % blocks;
         b < shape.batch; b += blocks)
      sum += by_sequence[((b * shape.heads + h) * tokens + t) * shape.pe_size + c];
  }
  write_element<T>(output, block, t, slice, static_cast<int>(c), sum);
}

template <typename T>
void sum_sequences(const Context& context, const AttentionOutput& output,
                   const DeviceScratch& by_sequence, const AttentionShape& shape,
                   std::int64_t tokens) {
  const std::int64_t slices = output.head_stride == 0 ? 1 : shape.heads;
  const std::int64_t count = shape.pe_blocks * tokens * slices * shape.pe_size;
  if (output.data == nullptr || count == 0) return;
  simt::launch(
      context,
      {"attention_sum_sequences",
       dim3(static_cast<unsigned>((count + kMapThreads - 1) / kMapThreads)), dim3(kMapThreads)},
      attention_sum_sequences_thread_per_element_kernel<T>, output, by_sequence.as<float>(), shape,
      tokens, count);
}

}  // namespace seqpe::kernels::cuda

// The gradient of pe_q or pe_k from those that each (sequence, head) gave: no atomics, so that the
// order of additions is fixed.
#pragma once

#include <cstdint>

#include "kernels/attention.h"
#include "kernels/cuda/packs.h"
#include "kernels/cuda/scratch.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

constexpr int kSequenceSumThreads = 192;

/// grad_pe (=|+=) the sum of by_sequence [batch, heads, tokens, pe_size] over the sequences of each
/// block, in order, and over the heads if they share a slice; a block a token of [pe_blocks,
/// tokens, heads or 1, pe_size], a thread N neighbouring columns.
template <typename T, int N>
__global__ void __launch_bounds__(kSequenceSumThreads)
    attention_sum_sequences_token_per_block_kernel(AttentionOutput output,
                                                   const float* __restrict__ by_sequence,
                                                   AttentionShape shape, unsigned tokens) {
  const unsigned block = blockIdx.x / tokens, t = blockIdx.x - block * tokens;
  const bool shared = output.head_stride == 0;
  const auto heads = static_cast<int>(shape.heads), packs = static_cast<int>(shape.pe_size) / N,
             slices = shared ? 1 : heads, heads_of_slice = shared ? heads : 1;
  const std::int64_t blocks = shape.pe_blocks,
                     first = (block + blocks - shape.first_sequence % blocks) % blocks,
                     sequence = heads * static_cast<std::int64_t>(tokens) * shape.pe_size;
  for (int p = static_cast<int>(threadIdx.x); p < slices * packs; p += kSequenceSumThreads) {
    const int slice = p / packs, c = (p - slice * packs) * N;
    float sums[N] = {};
    for (int h = slice; h < slice + heads_of_slice; ++h) {
      const float* from = by_sequence + first * sequence +
                          (static_cast<std::int64_t>(h) * tokens + t) * shape.pe_size + c;
#pragma unroll 8
      for (std::int64_t b = first; b < shape.batch; b += blocks) {
        float values[N];
        load_floats(values, from);
        from += blocks * sequence;
#pragma unroll
        for (int n = 0; n < N; ++n) sums[n] += values[n];
      }
    }
    write_floats(static_cast<T*>(output.data) + block * output.batch_stride +
                     t * output.token_stride + slice * output.head_stride + c,
                 sums, output.write);
  }
}

template <typename T>
void sum_sequences(const Context& context, const AttentionOutput& output,
                   const DeviceScratch& by_sequence, const AttentionShape& shape,
                   std::int64_t tokens) {
  const std::int64_t count = shape.pe_blocks * tokens;
  if (output.data == nullptr || count == 0 || shape.heads * shape.pe_size == 0) return;
  const auto run = [&](auto kernel) {
    simt::launch(
        context,
        {"attention_sum_sequences", dim3(static_cast<unsigned>(count)), dim3(kSequenceSumThreads)},
        kernel, output, by_sequence.as<float>(), shape, static_cast<unsigned>(tokens));
  };
  constexpr int kPack = simt::kPackSize<float>;
  const bool packs = aligned_for_packs(output.data) && shape.pe_size % kPack == 0 &&
                     output.batch_stride % kPack == 0 && output.token_stride % kPack == 0 &&
                     output.head_stride % kPack == 0;
  packs ? run(attention_sum_sequences_token_per_block_kernel<T, kPack>)
        : run(attention_sum_sequences_token_per_block_kernel<T, 1>);
}

}  // namespace seqpe::kernels::cuda

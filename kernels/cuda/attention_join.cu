// Copies and sums around cuDNN's attention, bound by memory: a thread takes a pack of a row.
#include "kernels/cuda/attention_join.h"

#include "kernels/cuda/elementwise_map.h"

namespace seqpe::kernels::cuda {
namespace {

constexpr int kJoinPack = simt::kPackSize<bf16>;
constexpr int kJoinedSumThreads = 96;

/// Where a pack lies: of rows [batch, tokens, heads, packs].
struct JoinedPlace {
  std::int64_t b, t, h;
  int column;
};
template <int N>
__device__ __forceinline__ JoinedPlace joined_place(std::int64_t i, unsigned packs, unsigned heads,
                                                    std::int64_t tokens) {
  const std::int64_t row = i / packs, token = row / heads;
  JoinedPlace place;
  place.column = static_cast<int>(i - row * packs) * N;
  place.h = row - token * heads;
  place.b = token / tokens;
  place.t = token - place.b * tokens;
  return place;
}

__global__ void __launch_bounds__(kMapThreads)
    attention_join_pack_per_thread_kernel(bf16* __restrict__ rows, AttentionOperand x,
                                          AttentionOperand pe, AttentionShape shape,
                                          std::int64_t tokens, float factor, std::int64_t count) {
  const auto packs = static_cast<unsigned>((shape.head_size + shape.pe_size) / kJoinPack),
             heads = static_cast<unsigned>(shape.heads);
  const std::int64_t threads = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += threads) {
    const JoinedPlace at = joined_place<kJoinPack>(i, packs, heads, tokens);
    const bool first = at.column < shape.head_size;
    const AttentionOperand& from = first ? x : pe;
    const std::int64_t b = first ? at.b : (shape.first_sequence + at.b) % shape.pe_blocks,
                       column = first ? at.column : at.column - shape.head_size;
    float values[kJoinPack];
    load_floats(values, static_cast<const bf16*>(from.data) + b * from.batch_stride +
                            at.t * from.token_stride + at.h * from.head_stride + column);
    if (!first) {
#pragma unroll
      for (int n = 0; n < kJoinPack; ++n) values[n] *= factor;
    }
    store_floats(rows + i * kJoinPack, values);
  }
}

template <int N>
__global__ void __launch_bounds__(kMapThreads)
    attention_take_pack_per_thread_kernel(AttentionOutput output, const bf16* __restrict__ rows,
                                          unsigned heads, std::int64_t tokens, unsigned size,
                                          unsigned width, std::int64_t count) {
  const std::int64_t threads = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += threads) {
    const JoinedPlace at = joined_place<N>(i, size / N, heads, tokens);
    float values[N];
    load_floats(values, rows + ((at.b * tokens + at.t) * heads + at.h) * width + at.column);
    write_floats(static_cast<bf16*>(output.data) + at.b * output.batch_stride +
                     at.t * output.token_stride + at.h * output.head_stride + at.column,
                 values, output.write);
  }
}

/// A block a token of [pe_blocks, tokens, heads or 1, pe_size], a thread N neighbouring columns.
template <int N>
__global__ void __launch_bounds__(kJoinedSumThreads)
    attention_sum_joined_token_per_block_kernel(AttentionOutput output,
                                                const bf16* __restrict__ rows, AttentionShape shape,
                                                unsigned tokens, float factor) {
  const unsigned block = blockIdx.x / tokens, t = blockIdx.x - block * tokens;
  const bool shared = output.head_stride == 0;
  const auto heads = static_cast<int>(shape.heads), packs = static_cast<int>(shape.pe_size) / N,
             slices = shared ? 1 : heads, heads_of_slice = shared ? heads : 1;
  const std::int64_t blocks = shape.pe_blocks, width = shape.head_size + shape.pe_size,
                     first = (block + blocks - shape.first_sequence % blocks) % blocks,
                     sequence = static_cast<std::int64_t>(tokens) * heads * width;
  for (int p = static_cast<int>(threadIdx.x); p < slices * packs; p += kJoinedSumThreads) {
    const int slice = p / packs, c = (p - slice * packs) * N;
    float sums[N] = {};
    for (int h = slice; h < slice + heads_of_slice; ++h) {
      const bf16* from = rows + first * sequence +
                         (static_cast<std::int64_t>(t) * heads + h) * width + shape.head_size + c;
#pragma unroll 4
      for (std::int64_t b = first; b < shape.batch; b += blocks) {
        float values[N];
        load_floats(values, from);
        from += blocks * sequence;
#pragma unroll
        for (int n = 0; n < N; ++n) sums[n] += values[n];
      }
    }
#pragma unroll
    for (int n = 0; n < N; ++n) sums[n] *= factor;
    write_floats(static_cast<bf16*>(output.data) + block * output.batch_stride +
                     t * output.token_stride + slice * output.head_stride + c,
                 sums, output.write);
  }
}

__global__ void attention_mask_seed_one_thread_kernel(std::int64_t* __restrict__ numbers,
                                                      PhiloxKey key,
                                                      const std::int32_t* __restrict__ step,
                                                      std::uint64_t first) {
  const PhiloxBlock block = philox(at_step(key, step), first);
  numbers[0] =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(block.words[1]) << 32 | block.words[0]);
  numbers[1] = 0;
}

bool takes_packs(const AttentionOutput& output) {
  return aligned_for_packs(output.data) && output.batch_stride % kJoinPack == 0 &&
         output.token_stride % kJoinPack == 0 && output.head_stride % kJoinPack == 0;
}

}  // namespace

void join_pair(const Context& context, bf16* rows, const AttentionOperand& x,
               const AttentionOperand& pe, const AttentionShape& shape, std::int64_t tokens,
               double factor) {
  const std::int64_t count =
      shape.batch * tokens * shape.heads * (shape.head_size + shape.pe_size) / kJoinPack;
  if (count == 0) return;
  simt::launch(context, {"attention_join", dim3(blocks_for(count)), dim3(kMapThreads)},
               attention_join_pack_per_thread_kernel, rows, x, pe, shape, tokens,
               static_cast<float>(factor), count);
}

void take_columns(const Context& context, const AttentionOutput& output, const bf16* rows,
                  const AttentionShape& shape, std::int64_t tokens, std::int64_t size,
                  std::int64_t width) {
  const std::int64_t elements = shape.batch * tokens * shape.heads * size;
  if (output.data == nullptr || elements == 0) return;
  const auto run = [&](auto kernel, std::int64_t count) {
    simt::launch(context, {"attention_take", dim3(blocks_for(count)), dim3(kMapThreads)}, kernel,
                 output, rows, static_cast<unsigned>(shape.heads), tokens,
                 static_cast<unsigned>(size), static_cast<unsigned>(width), count);
  };
  takes_packs(output) ? run(attention_take_pack_per_thread_kernel<kJoinPack>, elements / kJoinPack)
                      : run(attention_take_pack_per_thread_kernel<1>, elements);
}

void sum_joined_positions(const Context& context, const AttentionOutput& output, const bf16* rows,
                          const AttentionShape& shape, std::int64_t tokens, double factor) {
  const std::int64_t count = shape.pe_blocks * tokens;
  if (output.data == nullptr || count == 0) return;
  const auto run = [&](auto kernel) {
    simt::launch(
        context,
        {"attention_sum_joined", dim3(static_cast<unsigned>(count)), dim3(kJoinedSumThreads)},
        kernel, output, rows, shape, static_cast<unsigned>(tokens), static_cast<float>(factor));
  };
  takes_packs(output) ? run(attention_sum_joined_token_per_block_kernel<kJoinPack>)
                      : run(attention_sum_joined_token_per_block_kernel<1>);
}

void draw_mask_seed(const Context& context, std::int64_t* numbers, const AttentionShape& shape) {
  const std::int64_t queries = shape.queries > 0 ? shape.queries : shape.q_len;
  simt::launch(context, {"attention_mask_seed", dim3(1), dim3(1)},
               attention_mask_seed_one_thread_kernel, numbers, shape.dropout_key,
               shape.dropout_step,
               static_cast<std::uint64_t>(shape.first_sequence * queries + shape.first_query));
}

}  // namespace seqpe::kernels::cuda

// Attention in bf16 on tensor cores (mma.sync, sm_80 and later), for q, k, v of one size D of 32,
// 64 or 128, pe of none or of D. A warp multiplies 16 or 32 rows with tiles of the other side,
// which asynchronous copies bring while the tile before is worked on. The second pair is a tile of
// its own: its products are added to the same logits.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/attention.h"
#include "kernels/common/context.h"
#include "kernels/cuda/dropout_mask.h"
#include "kernels/cuda/exponential.h"
#include "kernels/cuda/mma_tile.h"
#include "kernels/cuda/packs.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

/// Tokens and distances of tokens are counted in 32 bits.
constexpr std::int64_t kMostTokens = std::int64_t{1} << 30;

template <typename... Operands>
bool is_for_mma(DType dtype, const AttentionShape& shape, const Operands&... x) {
  const std::int64_t size = shape.head_size;
  return dtype == DType::bf16 && (size == 32 || size == 64 || size == 128) &&
         shape.value_size == size && (shape.pe_size == 0 || shape.pe_size == size) &&
         shape.q_len < kMostTokens && shape.kv_len < kMostTokens &&
         shape.scale > 0.0 &&  // the largest logit is then that of the largest product
         rows_are_packs(dtype, size, x...) && ((x.token_stride < kMostTokens) && ...);
}
/// Whether the tensor cores' kernels take these arguments.
inline bool is_for_mma(const AttentionForwardArgs& args) {
  return is_for_mma(args.dtype, args.shape, args.out, args.q, args.k, args.v, args.pe_q, args.pe_k);
}
inline bool is_for_mma(const AttentionBackwardArgs& args) {
  return is_for_mma(args.dtype, args.shape, args.grad_q, args.grad_k, args.grad_v, args.grad_out,
                    args.out, args.q, args.k, args.v, args.pe_q, args.pe_k);
}

void attention_forward_mma(const Context& context, const AttentionForwardArgs& args);
void attention_backward_mma(const Context& context, const AttentionBackwardArgs& args);

/// Calls f(head size, whether there is a second pair, whether there is dropout), as constants.
template <typename F>
void dispatch_mma(const AttentionShape& shape, const F& f) {
  const auto with_flags = [&](auto size) {
    if (shape.pe_size > 0) {
      if (shape.dropout > 0.0) return f(size, std::true_type{}, std::true_type{});
      return f(size, std::true_type{}, std::false_type{});
    }
    if (shape.dropout > 0.0) return f(size, std::false_type{}, std::true_type{});
    return f(size, std::false_type{}, std::false_type{});
  };
  if (shape.head_size == 32) return with_flags(std::integral_constant<int, 32>{});
  if (shape.head_size == 64) return with_flags(std::integral_constant<int, 64>{});
  return with_flags(std::integral_constant<int, 128>{});
}

/// One (sequence, head) and a tile of its tokens, from the block's number.
struct MmaPlace {
  int b, h, pe_block, begin;

  /// Of the (sequence, head).
  __device__ __forceinline__ std::int64_t number(const AttentionShape& shape) const {
    return simt::not_kept(b) * shape.heads + simt::not_kept(h);
  }
};

/// `backwards`: the last tile first, which has the most work where attention is causal.
__device__ __forceinline__ MmaPlace mma_place_of_block(const AttentionShape& shape,
                                                       std::int64_t tokens, int tile_rows,
                                                       bool backwards) {
  const unsigned tiles = (static_cast<unsigned>(tokens) + tile_rows - 1) / tile_rows;
  const unsigned pair = blockIdx.x / tiles, tile = blockIdx.x - pair * tiles;
  const auto heads = static_cast<unsigned>(shape.heads);
  MmaPlace place;
  place.b = static_cast<int>(pair / heads);
  place.h = static_cast<int>(pair % heads);
  place.pe_block = static_cast<int>((shape.first_sequence + place.b) % shape.pe_blocks);
  place.begin = static_cast<int>(backwards ? tiles - 1 - tile : tile) * tile_rows;
  return place;
}

inline dim3 mma_blocks(const AttentionShape& shape, std::int64_t tokens, int tile_rows) {
  return dim3(
      static_cast<unsigned>((tokens + tile_rows - 1) / tile_rows * shape.batch * shape.heads));
}

/// A sequence's rows of a head.
struct HeadRows {
  const bf16* data;
  int stride;
};
/// Made anew where they are needed: kernels keep sums in their registers.
__device__ __forceinline__ HeadRows head_rows(const AttentionOperand& operand, int b, int h) {
  return {static_cast<const bf16*>(operand.data) + simt::not_kept(b) * operand.batch_stride +
              simt::not_kept(h) * operand.head_stride,
          static_cast<int>(operand.token_stride)};
}
/// Queues the copies of a tile of each pair, the second one's behind the first's.
template <int kRows, int D, bool kPe>
__device__ __forceinline__ void copy_pairs_async(std::uint32_t tiles, const HeadRows& x,
                                                 const HeadRows& pe, int begin, int rows) {
  copy_tile_async<kRows, D>(tiles, x.data, x.stride, begin, rows);
  if constexpr (kPe)
    copy_tile_async<kRows, D>(tiles + kTileBytes<kRows, D>, pe.data, pe.stride, begin, rows);
}
__device__ __forceinline__ bf16* output_row(const AttentionOutput& output, int b, int t, int h) {
  return static_cast<bf16*>(output.data) + b * output.batch_stride + t * output.token_stride +
         h * output.head_stride;
}

/// Keys that queries before `end` see; below 0 where the first queries see none.
__device__ __forceinline__ int keys_seen(const AttentionShape& shape, int end) {
  const auto q_len = static_cast<int>(shape.q_len), kv_len = static_cast<int>(shape.kv_len);
  return shape.causal ? min(end, q_len) + kv_len - q_len : kv_len;
}

template <int kM, int kN>
__device__ __forceinline__ void clear(float (&sums)[kM][kN][4]) {
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int n = 0; n < kN; ++n) {
#pragma unroll
      for (int e = 0; e < 4; ++e) sums[m][n][e] = 0.0f;
    }
  }
}
template <int kM, int kN>
__device__ __forceinline__ void multiply_by(float (&sums)[kM][kN][4], float factor) {
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int n = 0; n < kN; ++n) {
#pragma unroll
      for (int e = 0; e < 4; ++e) sums[m][n][e] *= factor;
    }
  }
}

}  // namespace seqpe::kernels::cuda

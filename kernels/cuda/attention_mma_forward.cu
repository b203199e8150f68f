// Attention forward on tensor cores, bf16 in and out, sums in f32:
//   S = scale (q k^T + pe_scale pe_q pe_k^T),  out (=|+=) dropout(softmax(S)) v,  lse = log sum
//   e^S.
// A block takes 64 kM queries, 16 kM a warp, and walks over tiles of keys with an online softmax.
// Weights go from the first product's registers to the second's, rounded to bf16; their sum is that
// of the f32 weights.
#include "kernels/attention.h"

#include "kernels/cuda/attention_mma.h"
#include "kernels/cuda/attention_mma_dropout.h"
#include "kernels/cuda/attention_mma_keys.h"
#include "kernels/cuda/mma_rows.h"

namespace seqpe::kernels::cuda {
namespace {

template <int D, bool kPe>
struct ForwardTile {
  static constexpr int kM = 2;  // 16 queries each: a fragment of keys is read for kM products
  static constexpr int kQueries = 16 * kM * kMmaWarps;
  static constexpr int kKeys = D == 128 ? 32 : 64;  // 64 keys and 128 columns would spill registers
  static constexpr int kPairs = kPe ? 2 : 1;
  // Shared: queries of each pair, then two stages of keys of each pair and of values.
  static constexpr int kQueryBytes = kTileBytes<kQueries, D>, kKeyBytes = kTileBytes<kKeys, D>;
  static constexpr int kStageBytes = (kPairs + 1) * kKeyBytes;
  static constexpr int kBytes = kPairs * kQueryBytes + 2 * kStageBytes;
};

/// A row of queries during the walk; totals are the lane's share until the end.
template <int kM>
struct RunningSoftmax {
  float maxima[kM][2], totals[kM][2];

  __device__ __forceinline__ RunningSoftmax() {
#pragma unroll
    for (int m = 0; m < kM; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        maxima[m][half] = -INFINITY;
        totals[m][half] = 0.0f;
      }
    }
  }

  /// logits become weights relative to the new maxima; sums are rescaled. `scale` > 0.
  template <int kN, int kColumns>
  __device__ __forceinline__ void add(float (&logits)[kM][kN][4], float (&sums)[kM][kColumns][4],
                                      float scale_log2) {
#pragma unroll
    for (int m = 0; m < kM; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float maximum = maxima[m][half];
#pragma unroll
        for (int n = 0; n < kN; ++n)
          maximum = fmaxf(maximum, fmaxf(logits[m][n][2 * half], logits[m][n][2 * half + 1]));
        maximum = fmaxf(maximum, __shfl_xor_sync(simt::kAllLanes, maximum, 1));
        maximum = fmaxf(maximum, __shfl_xor_sync(simt::kAllLanes, maximum, 2));
        // No key allowed so far: -inf - -inf would be NaN.
        const float shift = maximum == -INFINITY ? 0.0f : maximum * scale_log2;
        const float rescale = simt::exp2_approximate(maxima[m][half] * scale_log2 - shift);
        maxima[m][half] = maximum;
        float total = totals[m][half] * rescale;
#pragma unroll
        for (int n = 0; n < kN; ++n) {
#pragma unroll
          for (int e = 2 * half; e < 2 * half + 2; ++e) {
            logits[m][n][e] = simt::exp2_approximate(logits[m][n][e] * scale_log2 - shift);
            total += logits[m][n][e];
          }
        }
        totals[m][half] = total;
#pragma unroll
        for (int n = 0; n < kColumns; ++n) {
          sums[m][n][2 * half] *= rescale;
          sums[m][n][2 * half + 1] *= rescale;
        }
      }
    }
  }
};

template <int D, bool kPe, bool kDropout>
__global__ void __launch_bounds__(kMmaThreads)
    attention_forward_mma_kernel(AttentionForwardArgs args, DropoutMask mask) {
  using Tile = ForwardTile<D, kPe>;
  using Fragments = TileFragments<D>;
  constexpr int kM = Tile::kM, kKeys = Tile::kKeys;
  SEQPE_SHARED_DYNAMIC(bytes);
  const std::uint32_t queries = simt::shared_address(bytes),
                      stages = queries + Tile::kPairs * Tile::kQueryBytes;
  const AttentionShape& shape = args.shape;
  const auto q_len = static_cast<int>(shape.q_len), kv_len = static_cast<int>(shape.kv_len);
  const MmaPlace place = mma_place_of_block(shape, shape.q_len, Tile::kQueries, shape.causal);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const HeadRows k = head_rows(args.k, place.b, place.h), v = head_rows(args.v, place.b, place.h),
                 pe_k = head_rows(args.pe_k, place.pe_block, place.h);
  const auto copy_keys = [&](int tile) {
    const std::uint32_t stage = stages + static_cast<std::uint32_t>(tile % 2) * Tile::kStageBytes;
    copy_pairs_async<kKeys, D, kPe>(stage, k, pe_k, tile * kKeys, kv_len);
    copy_tile_async<kKeys, D>(stage + Tile::kPairs * Tile::kKeyBytes, v.data, v.stride,
                              tile * kKeys, kv_len);
    simt::cp_async_commit();
  };

  const int seen = keys_seen(shape, place.begin + Tile::kQueries);
  const int tiles = seen <= 0 ? 0 : (seen + kKeys - 1) / kKeys;
  if (tiles > 0) {
    const HeadRows q = head_rows(args.q, place.b, place.h),
                   pe_q = head_rows(args.pe_q, place.pe_block, place.h);
    copy_pairs_async<Tile::kQueries, D, kPe>(queries, q, pe_q, place.begin, q_len);
    copy_keys(0);
  }

  const int warp_row = warp * 16 * kM;
  const int first_query = place.begin + warp_row;
  const int warp_seen = keys_seen(shape, first_query + 16 * kM);
  const float scale_log2 = static_cast<float>(shape.scale) * kLog2E;
  const WarpRows<kM, D, 0> query_rows(queries, warp_row),
      pe_query_rows(queries + Tile::kQueryBytes, warp_row);
  RunningSoftmax<kM> softmax;
  float sums[kM][D / 8][4];
  clear(sums);
#pragma unroll 1
  for (int tile = 0; tile < tiles; ++tile) {
    simt::cp_async_wait<0>();
    __syncthreads();  // the tile is there, and everybody has left the one before
    if (tile + 1 < tiles) copy_keys(tile + 1);
    const int begin = tile * kKeys;
    if (first_query >= q_len || begin >= warp_seen) continue;  // the whole warp
    const std::uint32_t stage = stages + static_cast<std::uint32_t>(tile % 2) * Tile::kStageBytes;
    float logits[kM][kKeys / 8][4];
    clear(logits);
    if constexpr (kPe) {
      add_rows_by_rows(logits, pe_query_rows, Fragments::by_rows(stage + Tile::kKeyBytes));
      multiply_by(logits, static_cast<float>(shape.pe_scale));
    }
    add_rows_by_rows(logits, query_rows, Fragments::by_rows(stage));
    const KeyBits<kKeys> keys(shape, args.key_mask, place.b, begin);
    // How many of the tile's keys the warp's first query sees.
    const int limit = keys_seen(shape, first_query + 1) - begin;
    if (!keys.all() || limit < kKeys) {
#pragma unroll
      for (int m = 0; m < kM; ++m) keys.forbid(logits[m], shape.causal, limit + 16 * m + lane / 4);
    }
    softmax.add(logits, sums, scale_log2);
    if constexpr (kDropout) {
#pragma unroll
      for (int m = 0; m < kM; ++m) {
        const std::uint32_t keep = keep_bits_of_queries<kKeys / 8>(
            mask, weight_number(shape, place.b, place.h, first_query + 16 * m, begin), kv_len);
#pragma unroll
        for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            if ((keep >> (4 * n + e) & 1) == 0) logits[m][n][e] = 0.0f;
          }
        }
      }
    }
    std::uint32_t weights[kM][kKeys / 16][4];
    to_fragments(weights, logits);
    add_product(sums, weights, Fragments::by_columns(stage + Tile::kPairs * Tile::kKeyBytes));
  }

#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float total = softmax.totals[m][half];
      total += __shfl_xor_sync(simt::kAllLanes, total, 1);
      total += __shfl_xor_sync(simt::kAllLanes, total, 2);
      const float factor = total == 0.0f ? 0.0f : mask.scale / total;
      const int i = first_query + 16 * m + 8 * half + lane / 4;
      const bool exists = i < q_len;
      write_fragment_row(output_row(args.out, place.b, i, place.h), sums[m], half != 0, factor,
                         args.out.write, exists);
      if (exists && lane % 4 == 0) {
        static_cast<float*>(
            args.lse)[(static_cast<std::int64_t>(place.b) * shape.heads + place.h) * shape.q_len +
                      i] =
            total == 0.0f ? -INFINITY
                          : softmax.maxima[m][half] * static_cast<float>(shape.scale) + logf(total);
      }
    }
  }
}

}  // namespace

void attention_forward_mma(const Context& context, const AttentionForwardArgs& args) {
  dispatch_mma(args.shape, [&](auto size, auto pe, auto dropout) {
    using Tile = ForwardTile<size, pe>;
    simt::launch(context,
                 {"attention_forward_mma", mma_blocks(args.shape, args.shape.q_len, Tile::kQueries),
                  dim3(kMmaThreads), Tile::kBytes},
                 attention_forward_mma_kernel<size, pe, dropout>, args, weights_mask(args.shape));
  });
}

}  // namespace seqpe::kernels::cuda

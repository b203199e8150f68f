// grad_q (=|+=) scale dS k, grad_pe_q by sequence (=) scale pe_scale dS pe_k, dS = P (dP - delta).
// A block takes 64 queries, 16 a warp, and walks over tiles of keys as forward does.
#pragma once

#include "kernels/attention.h"
#include "kernels/cuda/attention_mma.h"
#include "kernels/cuda/attention_mma_dropout.h"
#include "kernels/cuda/attention_mma_gradient.h"
#include "kernels/cuda/attention_mma_keys.h"
#include "kernels/cuda/mma_rows.h"

namespace seqpe::kernels::cuda {

template <int D, bool kPe>
struct BackwardQueriesTile {
  static constexpr int kQueries = 16 * kMmaWarps;
  static constexpr int kKeys = D == 128 ? 32 : 64;  // as many as registers hold
  static constexpr int kPairs = kPe ? 2 : 1;
  // Shared: queries of each pair and grad_out, then two stages of keys of each pair and of values.
  static constexpr int kQueryBytes = kTileBytes<kQueries, D>, kKeyBytes = kTileBytes<kKeys, D>;
  static constexpr int kStageBytes = (kPairs + 1) * kKeyBytes;
  static constexpr int kBytes = (kPairs + 1) * kQueryBytes + 2 * kStageBytes;
};

/// terms [batch, heads, padded]; by_sequence [batch, heads, q_len, D] or null.
template <int D, bool kPe, bool kDropout>
__global__ void __launch_bounds__(kMmaThreads)
    attention_backward_queries_mma_kernel(AttentionBackwardArgs args,
                                          const QueryTerms* __restrict__ terms, int padded,
                                          float* __restrict__ by_sequence, DropoutMask mask) {
  using Tile = BackwardQueriesTile<D, kPe>;
  using Fragments = TileFragments<D>;
  constexpr int kKeys = Tile::kKeys;
  SEQPE_SHARED_DYNAMIC(bytes);
  const std::uint32_t queries = simt::shared_address(bytes),
                      grad_out = queries + Tile::kPairs * Tile::kQueryBytes,
                      stages = grad_out + Tile::kQueryBytes;
  const AttentionShape& shape = args.shape;
  const auto q_len = static_cast<int>(shape.q_len), kv_len = static_cast<int>(shape.kv_len);
  const MmaPlace place = mma_place_of_block(shape, q_len, Tile::kQueries, shape.causal);
  const int warp_row = static_cast<int>(threadIdx.x) / 32 * 16,
            group = static_cast<int>(threadIdx.x) % 32 / 4;
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
                   pe_q = head_rows(args.pe_q, place.pe_block, place.h),
                   grad = head_rows(args.grad_out, place.b, place.h);
    copy_pairs_async<Tile::kQueries, D, kPe>(queries, q, pe_q, place.begin, q_len);
    copy_tile_async<Tile::kQueries, D>(grad_out, grad.data, grad.stride, place.begin, q_len);
    copy_keys(0);
  }

  const int first_query = place.begin + warp_row;
  const int warp_seen = keys_seen(shape, first_query + 16);
  const std::int64_t pair = place.b * shape.heads + place.h;
  // Padded rows are there for every query of the block.
  const QueryTerms first_terms = terms[pair * padded + first_query + group],
                   second_terms = terms[pair * padded + first_query + group + 8];
  const float scale_log2 = static_cast<float>(shape.scale) * kLog2E;
  const auto query_tile = Fragments::by_columns(queries),
             pe_query_tile = Fragments::by_columns(queries + Tile::kQueryBytes),
             grad_out_tile = Fragments::by_columns(grad_out);
  float sums[1][D / 8][4], pe_sums[1][kPe ? D / 8 : 1][4];
  clear(sums);
  clear(pe_sums);
#pragma unroll 1
  for (int tile = 0; tile < tiles; ++tile) {
    simt::cp_async_wait<0>();
    __syncthreads();  // the tile is there, and everybody has left the one before
    if (tile + 1 < tiles) copy_keys(tile + 1);
    const int begin = tile * kKeys;
    if (first_query >= q_len || begin >= warp_seen) continue;  // the whole warp
    const std::uint32_t stage = stages + static_cast<std::uint32_t>(tile % 2) * Tile::kStageBytes;
    float logits[1][kKeys / 8][4], grad_weights[1][kKeys / 8][4];
    clear(logits);
    clear(grad_weights);
    if constexpr (kPe) {
      add_rows_by_rows(logits, pe_query_tile, warp_row,
                       Fragments::by_rows(stage + Tile::kKeyBytes));
      multiply_by(logits, static_cast<float>(shape.pe_scale));
    }
    add_rows_by_rows(logits, query_tile, warp_row, Fragments::by_rows(stage));
    add_rows_by_rows(grad_weights, grad_out_tile, warp_row,
                     Fragments::by_rows(stage + Tile::kPairs * Tile::kKeyBytes));
    const KeyBits<kKeys> keys(shape, args.key_mask, place.b, begin);
    // How many of the tile's keys the warp's first query sees.
    const int limit = keys_seen(shape, first_query + 1) - begin;
    if (!keys.all() || limit < kKeys) keys.forbid(logits[0], shape.causal, limit + group);
    std::uint32_t keep = 0xffffffffu;
    if constexpr (kDropout) {
      keep = keep_bits_of_queries<kKeys / 8>(
          mask, weight_number(shape, place.b, place.h, first_query, begin), kv_len);
    }
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        to_gradients(logits[0][n][e], grad_weights[0][n][e], scale_log2,
                     e < 2 ? first_terms : second_terms, (keep >> (4 * n + e) & 1) != 0,
                     mask.scale);
      }
    }
    std::uint32_t grad_logits[1][kKeys / 16][4];
    to_fragments(grad_logits, grad_weights);
    add_product(sums, grad_logits, Fragments::by_columns(stage));
    if constexpr (kPe)
      add_product(pe_sums, grad_logits, Fragments::by_columns(stage + Tile::kKeyBytes));
  }

  const auto scale = static_cast<float>(shape.scale),
             pe_scale = static_cast<float>(shape.scale * shape.pe_scale);
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int i = first_query + group + 8 * half;
    const bool exists = i < q_len;
    if (args.grad_q.data != nullptr)
      write_fragment_row(output_row(args.grad_q, place.b, i, place.h), sums[0], half != 0, scale,
                         args.grad_q.write, exists);
    if constexpr (kPe) {
      if (by_sequence != nullptr)
        write_fragment_row(by_sequence + (pair * q_len + i) * D, pe_sums[0], half != 0, pe_scale,
                           Write::overwrite, exists);
    }
  }
}

}  // namespace seqpe::kernels::cuda

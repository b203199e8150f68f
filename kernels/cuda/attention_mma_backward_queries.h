// grad_q (=|+=) scale dS k, grad_pe_q by sequence (=) scale pe_scale dS pe_k, dS = P (dP - delta).
// A block takes 64 kM queries, 16 kM a warp, and walks over tiles of keys as forward does.
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
  static constexpr int kM = D == 128 ? 1 : 2;  // 16 queries each, as many as registers hold
  static constexpr int kQueries = 16 * kM * kMmaWarps;
  static constexpr int kKeys = 32;
  // Columns of queries and grad_out that stay in registers.
  static constexpr int kHeld = D == 128 && !kPe ? D : 0;
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
                                          float* __restrict__ by_sequence, DropoutMask mask,
                                          LogitScales scales) {
  using Tile = BackwardQueriesTile<D, kPe>;
  using Fragments = TileFragments<D>;
  constexpr int kM = Tile::kM, kKeys = Tile::kKeys;
  SEQPE_SHARED_DYNAMIC(bytes);
  const std::uint32_t queries = simt::shared_address(bytes),
                      grad_out = queries + Tile::kPairs * Tile::kQueryBytes,
                      stages = grad_out + Tile::kQueryBytes;
  const AttentionShape& shape = args.shape;
  const auto q_len = static_cast<int>(shape.q_len), kv_len = static_cast<int>(shape.kv_len);
  const MmaPlace place = mma_place_of_block(shape, q_len, Tile::kQueries, shape.causal);
  const int warp_row = static_cast<int>(threadIdx.x) / 32 * 16 * kM,
            group = static_cast<int>(threadIdx.x) % 32 / 4;
  const auto copy_keys = [&](int tile) {
    const std::uint32_t stage = stages + static_cast<std::uint32_t>(tile % 2) * Tile::kStageBytes;
    const HeadRows k = head_rows(args.k, place.b, place.h), v = head_rows(args.v, place.b, place.h),
                   pe_k = head_rows(args.pe_k, place.pe_block, place.h);
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
    simt::cp_async_commit();
    copy_keys(0);
  }

  const int first_query = place.begin + warp_row;
  using Rows = WarpRows<kM, D, Tile::kHeld>;
  Rows query_rows(queries, warp_row), pe_query_rows(queries + Tile::kQueryBytes, warp_row),
      grad_out_rows(grad_out, warp_row);
  float sums[kM][D / 8][4], pe_sums[kM][kPe ? D / 8 : 1][4];
  clear(sums);
  clear(pe_sums);
  if constexpr (Tile::kHeld > 0) {
    simt::cp_async_wait<1>();
    __syncthreads();
    query_rows.hold();
    grad_out_rows.hold();
    if constexpr (kPe) pe_query_rows.hold();
  }
#pragma unroll 1
  for (int tile = 0; tile < tiles; ++tile) {
    simt::cp_async_wait<0>();
    __syncthreads();  // the tile is there, and everybody has left the one before
    if (tile + 1 < tiles) copy_keys(tile + 1);
    const int begin = tile * kKeys;
    const int query = simt::not_kept(first_query);
    if (query >= q_len || begin >= keys_seen(shape, query + 16 * kM)) continue;  // the whole warp
    const std::uint32_t stage = stages + static_cast<std::uint32_t>(tile % 2) * Tile::kStageBytes;
    std::uint32_t keep[kM];
#pragma unroll
    for (int m = 0; m < kM; ++m) {
      keep[m] = 0xffffffffu;
      if constexpr (kDropout) {
        keep[m] = keep_bits_of_queries<kKeys / 8>(
            mask, weight_number(shape, place.b, place.h, query + 16 * m, begin), kv_len);
      }
    }
    float logits[kM][kKeys / 8][4], grad_weights[kM][kKeys / 8][4];
    clear(logits);
    clear(grad_weights);
    if constexpr (kPe) {
      add_rows_by_rows(logits, pe_query_rows, Fragments::by_rows(stage + Tile::kKeyBytes));
      multiply_by(logits, scales.pe);
    }
    add_rows_by_rows(logits, query_rows, Fragments::by_rows(stage));
    add_rows_by_rows(grad_weights, grad_out_rows,
                     Fragments::by_rows(stage + Tile::kPairs * Tile::kKeyBytes));
    const KeyBits<kKeys> keys(shape, args.key_mask, place.b, begin);
    // How many of the tile's keys the warp's first query sees.
    const int limit = keys_seen(shape, query + 1) - begin;
    const bool sees_all = keys.all() && limit >= kKeys;
#pragma unroll
    for (int m = 0; m < kM; ++m) {
      // Padded rows are there for every query of the block.
      const QueryTerms* rows = terms + place.number(shape) * padded + query + 16 * m + group;
      const QueryTerms row_terms[2] = {rows[0], rows[8]};
      if (!sees_all) keys.forbid(logits[m], shape.causal, limit + 16 * m + group);
#pragma unroll
      for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          to_gradients(logits[m][n][e], grad_weights[m][n][e], scales.to_log2, row_terms[e / 2],
                       (keep[m] >> (4 * n + e) & 1) != 0, mask.scale);
        }
      }
    }
    std::uint32_t grad_logits[kM][kKeys / 16][4];
    to_fragments(grad_logits, grad_weights);
    add_product(sums, grad_logits, Fragments::by_columns(stage));
    if constexpr (kPe)
      add_product(pe_sums, grad_logits, Fragments::by_columns(stage + Tile::kKeyBytes));
  }

  const auto scale = static_cast<float>(shape.scale),
             pe_scale = static_cast<float>(shape.scale * shape.pe_scale);
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int i = first_query + 16 * m + 8 * half + group;
      const bool exists = i < q_len;
      if (args.grad_q.data != nullptr)
        write_fragment_row(output_row(args.grad_q, place.b, i, place.h), sums[m], half != 0, scale,
                           args.grad_q.write, exists);
      if constexpr (kPe) {
        if (by_sequence != nullptr)
          write_fragment_row(by_sequence + (place.number(shape) * q_len + i) * D, pe_sums[m],
                             half != 0, pe_scale, Write::overwrite, exists);
      }
    }
  }
}

}  // namespace seqpe::kernels::cuda

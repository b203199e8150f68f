// grad_v (=|+=) dropout(P)^T grad_out, grad_k (=|+=) scale dS^T q, grad_pe_k by sequence (=)
// scale pe_scale dS^T pe_q, dS = P (dP - delta).
// A block takes 64 keys, 16 a warp, and walks over tiles of queries. Its logits are transposed,
// rows are keys: the products' results are then the next products' first operands.
// With two pairs of 128 columns a warp's sums would not fit into registers: one launch makes those
// of k and v, another that of pe_k.
#pragma once

#include "kernels/attention.h"
#include "kernels/cuda/attention_mma.h"
#include "kernels/cuda/attention_mma_dropout.h"
#include "kernels/cuda/attention_mma_gradient.h"
#include "kernels/cuda/mma_rows.h"

namespace seqpe::kernels::cuda {

template <int D, bool kPe>
struct BackwardKeysTile {
  static constexpr int kKeys = 16 * kMmaWarps;
  static constexpr int kQueries = D == 128 ? 32 : 64;  // as many as registers hold
  static constexpr int kPairs = kPe ? 2 : 1;
  // Shared: keys of each pair and values, then two stages of queries of each pair, of grad_out and
  // of the queries' terms.
  static constexpr int kKeyBytes = kTileBytes<kKeys, D>, kQueryBytes = kTileBytes<kQueries, D>;
  static constexpr int kTermBytes = kQueries * static_cast<int>(sizeof(QueryTerms));
  static constexpr int kStageBytes = (kPairs + 1) * kQueryBytes + kTermBytes;
  static constexpr int kBytes = (kPairs + 1) * kKeyBytes + 2 * kStageBytes;
};

/// Sums of keys that may not be attended to become 0: whatever their products with the queries
/// were.
template <int kN>
__device__ __forceinline__ void forbid_rows(float (&sums)[kN][4], bool first_allowed,
                                            bool second_allowed) {
#pragma unroll
  for (int n = 0; n < kN; ++n) {
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      if (!(e < 2 ? first_allowed : second_allowed)) sums[n][e] = 0.0f;
    }
  }
}

/// terms [batch, heads, padded]; by_sequence [batch, heads, kv_len, D] or null. kOwn, kPosition:
/// whether this launch makes the gradients of k and v, and that of pe_k.
template <int D, bool kPe, bool kDropout, bool kOwn, bool kPosition>
__global__ void __launch_bounds__(kMmaThreads)
    attention_backward_keys_mma_kernel(AttentionBackwardArgs args,
                                       const QueryTerms* __restrict__ terms, int padded,
                                       float* __restrict__ by_sequence, DropoutMask mask) {
  using Tile = BackwardKeysTile<D, kPe>;
  using Fragments = TileFragments<D>;
  constexpr int kQueries = Tile::kQueries;
  SEQPE_SHARED_DYNAMIC(bytes);
  const std::uint32_t keys = simt::shared_address(bytes),
                      values = keys + Tile::kPairs * Tile::kKeyBytes,
                      stages = values + Tile::kKeyBytes;
  const AttentionShape& shape = args.shape;
  const auto q_len = static_cast<int>(shape.q_len), kv_len = static_cast<int>(shape.kv_len);
  const MmaPlace place = mma_place_of_block(shape, kv_len, Tile::kKeys, false);
  const int warp_row = static_cast<int>(threadIdx.x) / 32 * 16,
            group = static_cast<int>(threadIdx.x) % 32 / 4;
  const std::int64_t pair = place.b * shape.heads + place.h;
  const HeadRows q = head_rows(args.q, place.b, place.h),
                 grad = head_rows(args.grad_out, place.b, place.h),
                 pe_q = head_rows(args.pe_q, place.pe_block, place.h);
  const auto copy_queries = [&](int tile) {
    const std::uint32_t stage = stages + static_cast<std::uint32_t>(tile % 2) * Tile::kStageBytes;
    const int begin = tile * kQueries;
    copy_pairs_async<kQueries, D, kPe>(stage, q, pe_q, begin, q_len);
    copy_tile_async<kQueries, D>(stage + Tile::kPairs * Tile::kQueryBytes, grad.data, grad.stride,
                                 begin, q_len);
    if (threadIdx.x < kQueries / 2)
      simt::cp_async_16(stage + (Tile::kPairs + 1) * Tile::kQueryBytes + threadIdx.x * 16,
                        terms + pair * padded + begin + 2 * threadIdx.x, true);
    simt::cp_async_commit();
  };

  // Query i sees key j where i >= j - ahead.
  const int ahead = kv_len - q_len;
  const int tiles = (q_len + kQueries - 1) / kQueries;
  const int first_tile = shape.causal ? max(place.begin - ahead, 0) / kQueries : 0;
  if (first_tile < tiles) {
    const HeadRows k = head_rows(args.k, place.b, place.h), v = head_rows(args.v, place.b, place.h),
                   pe_k = head_rows(args.pe_k, place.pe_block, place.h);
    copy_pairs_async<Tile::kKeys, D, kPe>(keys, k, pe_k, place.begin, kv_len);
    copy_tile_async<Tile::kKeys, D>(values, v.data, v.stride, place.begin, kv_len);
    copy_queries(first_tile);
  }

  const int first_key = place.begin + warp_row;
  const float scale_log2 = static_cast<float>(shape.scale) * kLog2E;
  const auto key_tile = Fragments::by_columns(keys),
             pe_key_tile = Fragments::by_columns(keys + Tile::kKeyBytes),
             value_tile = Fragments::by_columns(values);
  constexpr int kOwnTiles = kOwn ? D / 8 : 1, kPositionTiles = kPosition ? D / 8 : 1;
  float key_sums[1][kOwnTiles][4], value_sums[1][kOwnTiles][4], pe_sums[1][kPositionTiles][4];
  clear(key_sums);
  clear(pe_sums);
  clear(value_sums);
#pragma unroll 1
  for (int tile = first_tile; tile < tiles; ++tile) {
    simt::cp_async_wait<0>();
    __syncthreads();  // the tile is there, and everybody has left the one before
    if (tile + 1 < tiles) copy_queries(tile + 1);
    // The first of the tile's queries that sees the warp's first key.
    const int limit = shape.causal ? first_key - ahead - tile * kQueries : 0;
    if (first_key >= kv_len || limit >= kQueries) continue;  // the whole warp
    const int stage_offset = Tile::kBytes - 2 * Tile::kStageBytes + tile % 2 * Tile::kStageBytes;
    const std::uint32_t stage = keys + static_cast<std::uint32_t>(stage_offset),
                        grad_out = stage + Tile::kPairs * Tile::kQueryBytes;
    float logits[1][kQueries / 8][4], grad_weights[1][kQueries / 8][4];
    clear(logits);
    clear(grad_weights);
    if constexpr (kPe) {
      add_rows_by_rows(logits, pe_key_tile, warp_row,
                       Fragments::by_rows(stage + Tile::kQueryBytes));
      multiply_by(logits, static_cast<float>(shape.pe_scale));
    }
    add_rows_by_rows(logits, key_tile, warp_row, Fragments::by_rows(stage));
    add_rows_by_rows(grad_weights, value_tile, warp_row, Fragments::by_rows(grad_out));
    std::uint32_t keep = 0xffffffffu;
    if constexpr (kDropout) {
      keep = keep_bits_of_keys<kQueries / 8>(
          mask, weight_number(shape, place.b, place.h, tile * kQueries, first_key), kv_len);
    }
    const auto* tile_terms = reinterpret_cast<const QueryTerms*>(
        bytes + stage_offset + (Tile::kPairs + 1) * Tile::kQueryBytes);
    const bool sees_all = !shape.causal || limit + 15 <= 0;
#pragma unroll
    for (int n = 0; n < kQueries / 8; ++n) {
      const int column = 8 * n + static_cast<int>(threadIdx.x) % 4 * 2;
      const simt::Pack<QueryTerms, 2> pair_terms = simt::load_pack<2>(tile_terms + column);
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        float& logit = logits[0][n][e];
        if (!sees_all && column + e % 2 < limit + group + e / 2 * 8) logit = -INFINITY;
        to_gradients(logit, grad_weights[0][n][e], scale_log2, pair_terms.values[e % 2],
                     (keep >> (4 * n + e) & 1) != 0, mask.scale);
      }
    }
    std::uint32_t fragments[1][kQueries / 16][4];
    if constexpr (kOwn) {
      to_fragments(fragments, logits);
      add_product(value_sums, fragments, Fragments::by_columns(grad_out));
    }
    to_fragments(fragments, grad_weights);
    if constexpr (kOwn) add_product(key_sums, fragments, Fragments::by_columns(stage));
    if constexpr (kPosition)
      add_product(pe_sums, fragments, Fragments::by_columns(stage + Tile::kQueryBytes));
  }

  const auto is_allowed_key = [&](int j) {
    return j < kv_len && (args.key_mask == nullptr ||
                          args.key_mask[static_cast<std::int64_t>(place.b) * kv_len + j] != 0);
  };
  const bool first_allowed = is_allowed_key(first_key + group),
             second_allowed = is_allowed_key(first_key + group + 8);
  forbid_rows(key_sums[0], first_allowed, second_allowed);
  forbid_rows(pe_sums[0], first_allowed, second_allowed);
  forbid_rows(value_sums[0], first_allowed, second_allowed);
  const auto scale = static_cast<float>(shape.scale),
             pe_scale = static_cast<float>(shape.scale * shape.pe_scale);
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int j = first_key + group + 8 * half;
    const bool exists = j < kv_len;
    if constexpr (kOwn) {
      if (args.grad_k.data != nullptr)
        write_fragment_row(output_row(args.grad_k, place.b, j, place.h), key_sums[0], half != 0,
                           scale, args.grad_k.write, exists);
      if (args.grad_v.data != nullptr)
        write_fragment_row(output_row(args.grad_v, place.b, j, place.h), value_sums[0], half != 0,
                           mask.scale, args.grad_v.write, exists);
    }
    if constexpr (kPosition) {
      if (by_sequence != nullptr)
        write_fragment_row(by_sequence + (pair * kv_len + j) * D, pe_sums[0], half != 0, pe_scale,
                           Write::overwrite, exists);
    }
  }
}

}  // namespace seqpe::kernels::cuda

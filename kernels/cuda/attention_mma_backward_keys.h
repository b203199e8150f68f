// grad_v (=|+=) dropout(P)^T grad_out, grad_k (=|+=) scale dS^T q, grad_pe_k by sequence (=)
// scale pe_scale dS^T pe_q, dS = P (dP - delta).
// A block walks over tiles of queries. Its logits are transposed, rows are keys: the products'
// results are then the next products' first operands. A warp takes 32 keys. Where their sums are
// too many for its registers, two warps, twins, share them: each makes the weights of half of a
// tile's queries, they exchange them, and each sums half of the columns over all queries.
// With two pairs of 128 columns that is still too much: one launch makes the sums of k and v,
// another that of pe_k.
#pragma once

#include "kernels/attention.h"
#include "kernels/cuda/attention_mma.h"
#include "kernels/cuda/attention_mma_dropout.h"
#include "kernels/cuda/attention_mma_gradient.h"
#include "kernels/cuda/mma_rows.h"
#include "kernels/cuda/packs.h"

namespace seqpe::kernels::cuda {

/// Fragments that a warp leaves in shared memory for its twin, 16 bytes a lane.
template <int kM>
struct TwinFragments {
  struct Rows {
    simt::Pack<std::uint32_t, 4> of_lanes[kM][32];

    __device__ __forceinline__ void store(const std::uint32_t (&a)[kM][1][4]) {
#pragma unroll
      for (int m = 0; m < kM; ++m)
        simt::store_pack(
            of_lanes[m][threadIdx.x % 32].values,
            simt::Pack<std::uint32_t, 4>{a[m][0][0], a[m][0][1], a[m][0][2], a[m][0][3]});
    }
    __device__ __forceinline__ void load(std::uint32_t (&a)[kM][1][4]) const {
#pragma unroll
      for (int m = 0; m < kM; ++m) load_elements(a[m][0], of_lanes[m][threadIdx.x % 32].values);
    }
  };
  Rows weights, grad_logits;
};

template <int D, bool kPe>
struct BackwardKeysTile {
  static constexpr int kM = 2;  // 16 keys each: a fragment of queries is read for kM products
  static constexpr int kTwins = D == 128 || (D == 64 && kPe) ? 2 : 1;  // warps that share keys
  static constexpr int kKeys = 16 * kM * kMmaWarps / kTwins;
  static constexpr int kQueries = 32, kQueriesOfWarp = kQueries / kTwins;
  // Columns of keys and values, and of pe_k, that stay in registers, as many as they hold.
  static constexpr int kHeld = D == 64 && kPe ? D : 0, kHeldOfPe = kHeld / 2;
  static constexpr int kPairs = kPe ? 2 : 1;
  // Shared: keys of each pair and values, then two stages of queries of each pair, of grad_out and
  // of the queries' terms, and weights and their gradients that twins exchange.
  static constexpr int kKeyBytes = kTileBytes<kKeys, D>, kQueryBytes = kTileBytes<kQueries, D>;
  static constexpr int kTermBytes = kQueries * static_cast<int>(sizeof(QueryTerms));
  static constexpr int kStageBytes = (kPairs + 1) * kQueryBytes + kTermBytes;
  static constexpr int kExchangeBegin = (kPairs + 1) * kKeyBytes + 2 * kStageBytes;
  static constexpr int kBytes =
      kExchangeBegin + (kTwins == 1 ? 0 : kMmaWarps * static_cast<int>(sizeof(TwinFragments<kM>)));
};

/// What a thread works on: its warp's first key and twin's number, its row of the fragments. Made
/// anew where it is needed: registers hold sums.
template <typename Tile>
struct KeysShare {
  int warp, twin, first_key, group;

  __device__ __forceinline__ explicit KeysShare(const MmaPlace& place) {
    const int thread = simt::not_kept(static_cast<int>(threadIdx.x));
    warp = thread / 32;
    twin = warp % Tile::kTwins;
    first_key = place.begin + warp / Tile::kTwins * 16 * Tile::kM;
    group = thread % 32 / 4;
  }
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
                                       float* __restrict__ by_sequence, DropoutMask mask,
                                       LogitScales scales) {
  using Tile = BackwardKeysTile<D, kPe>;
  using Fragments = TileFragments<D>;
  constexpr int kM = Tile::kM, kQueries = Tile::kQueries, kQueriesOfWarp = Tile::kQueriesOfWarp;
  SEQPE_SHARED_DYNAMIC(bytes);
  const std::uint32_t keys = simt::shared_address(bytes),
                      values = keys + Tile::kPairs * Tile::kKeyBytes,
                      stages = values + Tile::kKeyBytes;
  const AttentionShape& shape = args.shape;
  const auto q_len = static_cast<int>(shape.q_len), kv_len = static_cast<int>(shape.kv_len);
  const MmaPlace place = mma_place_of_block(shape, kv_len, Tile::kKeys, false);
  const auto copy_queries = [&](int tile) {
    const std::uint32_t stage = stages + static_cast<std::uint32_t>(tile % 2) * Tile::kStageBytes;
    const int begin = tile * kQueries;
    const HeadRows q = head_rows(args.q, place.b, place.h),
                   pe_q = head_rows(args.pe_q, place.pe_block, place.h),
                   grad = head_rows(args.grad_out, place.b, place.h);
    copy_pairs_async<kQueries, D, kPe>(stage, q, pe_q, begin, q_len);
    copy_tile_async<kQueries, D>(stage + Tile::kPairs * Tile::kQueryBytes, grad.data, grad.stride,
                                 begin, q_len);
    if (threadIdx.x < kQueries / 2)
      simt::cp_async_16(stage + (Tile::kPairs + 1) * Tile::kQueryBytes + threadIdx.x * 16,
                        terms + place.number(shape) * padded + begin + 2 * threadIdx.x, true);
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
    simt::cp_async_commit();
    copy_queries(first_tile);
  }

  const int warp_row = static_cast<int>(threadIdx.x) / 32 / Tile::kTwins * 16 * kM;
  using Rows = WarpRows<kM, D, Tile::kHeld>;
  Rows key_rows(keys, warp_row), value_rows(values, warp_row);
  WarpRows<kM, D, Tile::kHeldOfPe> pe_key_rows(keys + Tile::kKeyBytes, warp_row);
  if constexpr (Tile::kHeld > 0) {
    simt::cp_async_wait<1>();
    __syncthreads();
    key_rows.hold();
    value_rows.hold();
    if constexpr (kPe) pe_key_rows.hold();
  }
  constexpr int kColumns = D / Tile::kTwins;
  constexpr int kOwnTiles = kOwn ? kColumns / 8 : 1, kPositionTiles = kPosition ? kColumns / 8 : 1;
  float key_sums[kM][kOwnTiles][4], value_sums[kM][kOwnTiles][4], pe_sums[kM][kPositionTiles][4];
  clear(key_sums);
  clear(pe_sums);
  clear(value_sums);
#pragma unroll 1
  for (int tile = first_tile; tile < tiles; ++tile) {
    simt::cp_async_wait<0>();
    __syncthreads();  // the tile is there, and everybody has left the one before
    if (tile + 1 < tiles) copy_queries(tile + 1);
    const KeysShare<Tile> share(place);
    const int key = share.first_key, twin = share.twin;
    // The first of the tile's queries that sees the warp's first key.
    const int limit = shape.causal ? key - ahead - tile * kQueries : 0;
    const bool sees_any = key < kv_len && limit < kQueries;  // both twins alike
    const int stage_offset = (Tile::kPairs + 1) * Tile::kKeyBytes + tile % 2 * Tile::kStageBytes;
    const std::uint32_t stage = keys + static_cast<std::uint32_t>(stage_offset),
                        grad_out = stage + Tile::kPairs * Tile::kQueryBytes;
    const std::uint32_t own_rows = twin * kTileBytes<kQueriesOfWarp, D>;
    std::uint32_t weights[kM][kQueriesOfWarp / 16][4], grad_logits[kM][kQueriesOfWarp / 16][4];
    if (sees_any) {
      std::uint32_t keep[kM];
#pragma unroll
      for (int m = 0; m < kM; ++m) {
        keep[m] = 0xffffffffu;
        if constexpr (kDropout) {
          keep[m] = keep_bits_of_keys<kQueriesOfWarp / 8>(
              mask,
              weight_number(shape, place.b, place.h, tile * kQueries + twin * kQueriesOfWarp,
                            key + 16 * m),
              kv_len);
        }
      }
      float logits[kM][kQueriesOfWarp / 8][4], grad_weights[kM][kQueriesOfWarp / 8][4];
      clear(logits);
      clear(grad_weights);
      if constexpr (kPe) {
        add_rows_by_rows(logits, pe_key_rows,
                         Fragments::by_rows(stage + Tile::kQueryBytes + own_rows));
        multiply_by(logits, scales.pe);
      }
      add_rows_by_rows(logits, key_rows, Fragments::by_rows(stage + own_rows));
      add_rows_by_rows(grad_weights, value_rows, Fragments::by_rows(grad_out + own_rows));
      const auto* tile_terms = reinterpret_cast<const QueryTerms*>(
          bytes + stage_offset + (Tile::kPairs + 1) * Tile::kQueryBytes);
      const bool sees_all = !shape.causal || limit + 16 * kM - 1 <= 0;
#pragma unroll
      for (int n = 0; n < kQueriesOfWarp / 8; ++n) {
        const int column = twin * kQueriesOfWarp + 8 * n + static_cast<int>(threadIdx.x) % 4 * 2;
        const simt::Pack<QueryTerms, 2> pair_terms = simt::load_pack<2>(tile_terms + column);
#pragma unroll
        for (int m = 0; m < kM; ++m) {
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            float& logit = logits[m][n][e];
            if (!sees_all && column + e % 2 < limit + 16 * m + e / 2 * 8 + share.group)
              logit = -INFINITY;
            to_gradients(logit, grad_weights[m][n][e], scales.to_log2, pair_terms.values[e % 2],
                         (keep[m] >> (4 * n + e) & 1) != 0, mask.scale);
          }
        }
      }
      if constexpr (kOwn) to_fragments(weights, logits);
      to_fragments(grad_logits, grad_weights);
    }
    const auto add_products = [&](std::uint32_t rows) {
      const auto columns_of = [&](std::uint32_t tensor) {
        return Fragments::by_columns(tensor + rows).from_column(twin * kColumns);
      };
      if constexpr (kOwn) {
        add_product(value_sums, weights, columns_of(grad_out));
        add_product(key_sums, grad_logits, columns_of(stage));
      }
      if constexpr (kPosition)
        add_product(pe_sums, grad_logits, columns_of(stage + Tile::kQueryBytes));
    };
    if constexpr (Tile::kTwins == 1) {
      if (sees_any) add_products(own_rows);
    } else {
      const auto exchange = [&](int of_warp) {
        return reinterpret_cast<TwinFragments<kM>*>(bytes + Tile::kExchangeBegin) + of_warp;
      };
      if (sees_any) {
        if constexpr (kOwn) exchange(share.warp)->weights.store(weights);
        exchange(share.warp)->grad_logits.store(grad_logits);
        add_products(own_rows);
      }
      __syncthreads();  // the twin's are there
      if (sees_any) {
        if constexpr (kOwn) exchange(share.warp ^ 1)->weights.load(weights);
        exchange(share.warp ^ 1)->grad_logits.load(grad_logits);
        add_products(own_rows ^ kTileBytes<kQueriesOfWarp, D>);
      }
    }
  }

  const auto is_allowed_key = [&](int j) {
    return j < kv_len && (args.key_mask == nullptr ||
                          args.key_mask[static_cast<std::int64_t>(place.b) * kv_len + j] != 0);
  };
  const auto scale = static_cast<float>(shape.scale),
             pe_scale = static_cast<float>(shape.scale * shape.pe_scale);
  const KeysShare<Tile> share(place);
  const int first_column = share.twin * kColumns;
#pragma unroll
  for (int m = 0; m < kM; ++m) {
    const int j = share.first_key + 16 * m + share.group;
    const bool first_allowed = is_allowed_key(j), second_allowed = is_allowed_key(j + 8);
    forbid_rows(key_sums[m], first_allowed, second_allowed);
    forbid_rows(pe_sums[m], first_allowed, second_allowed);
    forbid_rows(value_sums[m], first_allowed, second_allowed);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = j + 8 * half;
      const bool exists = row < kv_len;
      if constexpr (kOwn) {
        if (args.grad_k.data != nullptr)
          write_fragment_row(output_row(args.grad_k, place.b, row, place.h) + first_column,
                             key_sums[m], half != 0, scale, args.grad_k.write, exists);
        if (args.grad_v.data != nullptr)
          write_fragment_row(output_row(args.grad_v, place.b, row, place.h) + first_column,
                             value_sums[m], half != 0, mask.scale, args.grad_v.write, exists);
      }
      if constexpr (kPosition) {
        if (by_sequence != nullptr)
          write_fragment_row(by_sequence + (place.number(shape) * kv_len + row) * D + first_column,
                             pe_sums[m], half != 0, pe_scale, Write::overwrite, exists);
      }
    }
  }
}

}  // namespace seqpe::kernels::cuda

// A thread takes whole (sequence, head) pairs: it packs [k ; pe_k] transposed by tiles and v once,
// then walks tiles of queries, keeping for each query the running maximum, the sum of exponentials
// and the weighted values.
#include <cmath>

#include "kernels/common/parallel.h"
#include "kernels/common/scratch.h"
#include "kernels/cpu/attention_tile.h"
#include "kernels/cpu/lanes.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

template <typename A>
struct Workspace {
  explicit Workspace(const AttentionShape& shape)
      : tiles(shape),
        memory(static_cast<std::size_t>(
                   shape.q_len * tiles.width_padded + shape.kv_len * tiles.width_padded +
                   tiles.key_tiles * tiles.key_tile * (tiles.width + tiles.value_padded) +
                   kQueryTile * (tiles.key_tile + tiles.value_padded + 2)) *
               sizeof(A)) {
    queries = memory.as<A>();
    keys = queries + shape.q_len * tiles.width_padded;
    keys_transposed = keys + shape.kv_len * tiles.width_padded;
    values = keys_transposed + tiles.key_tiles * tiles.key_tile * tiles.width;
    logits = values + tiles.key_tiles * tiles.key_tile * tiles.value_padded;
    sums = logits + kQueryTile * tiles.key_tile;
    maxima = sums + kQueryTile * tiles.value_padded;
    totals = maxima + kQueryTile;
  }

  AttentionTiles<A> tiles;
  Scratch memory;
  A* queries;          // [q_len, width_padded]
  A* keys;             // [kv_len, width_padded]
  A* keys_transposed;  // [key_tiles, width, key_tile]
  A* values;           // [kv_len, value_padded]
  A* logits;           // [kQueryTile, key_tile]
  A* sums;             // [kQueryTile, value_padded]
  A* maxima;           // [kQueryTile]
  A* totals;           // [kQueryTile]
};

/// Turns a row of logits, whole vectors, into weights relative to the new running maximum and
/// rescales what was summed before.
template <typename A>
static inline void online_softmax_row(Workspace<A>& work, std::int64_t r, std::int64_t count) {
  using V = typename Vector<A>::type;
  constexpr std::int64_t kLanes = Vector<A>::kLanes;
  A* row = work.logits + r * work.tiles.key_tile;
  V maxima = V{} + work.maxima[r];
  for (std::int64_t c = 0; c < count; c += kLanes) {
    const V logits = *reinterpret_cast<const V*>(row + c);
    maxima = logits > maxima ? logits : maxima;
  }
  const A maximum = largest_lane<A>(maxima);
  // No key allowed so far: -inf - -inf would be NaN. A row of NaN stays NaN.
  const A shift = maximum == -__builtin_inf() ? A(0) : maximum;
  V totals = {};
  for (std::int64_t c = 0; c < count; c += kLanes) {
#pragma omp simd
    for (std::int64_t lane = 0; lane < kLanes; ++lane)
      row[c + lane] = fast_exp(row[c + lane] - shift);
    totals += *reinterpret_cast<const V*>(row + c);
  }
  if (maximum != work.maxima[r]) {
    const A rescale = fast_exp(work.maxima[r] - maximum);
    work.totals[r] *= rescale;
    A* sums = work.sums + r * work.tiles.value_padded;
    for (std::int64_t c = 0; c < work.tiles.value_padded; ++c) sums[c] *= rescale;
    work.maxima[r] = maximum;
  }
  work.totals[r] += sum_of_lanes<A>(totals);
}

template <typename T>
void query_tile(const AttentionForwardArgs& args, Workspace<Acc<T>>& work, std::int64_t b,
                std::int64_t h, std::int64_t i, std::int64_t rows) {
  using A = Acc<T>;
  const AttentionShape& shape = args.shape;
  const AttentionTiles<A>& tiles = work.tiles;
  const std::uint8_t* mask = args.key_mask == nullptr ? nullptr : args.key_mask + b * shape.kv_len;
  for (std::int64_t r = 0; r < rows; ++r) {
    work.maxima[r] = -__builtin_inf();
    work.totals[r] = 0;
  }
  for (std::int64_t e = 0; e < rows * tiles.value_padded; ++e) work.sums[e] = 0;
  const std::int64_t visible = visible_keys(shape, i + rows - 1);
  for (std::int64_t j = 0; j < visible; j += tiles.key_tile) {
    const std::int64_t columns = tiles.columns(j, visible), keys = tiles.keys_in_tile(j, visible);
    logits_tile(work.logits, shape, tiles, work.queries, i, rows,
                work.keys_transposed + j * tiles.width, j, columns, mask);
    for (std::int64_t r = 0; r < rows; ++r) {
      online_softmax_row(work, r, columns);
      if (shape.dropout == 0.0) continue;
      A keep[kKeyTile];
      dropout_row(keep, shape, b, h, i + r, j, keys);
      for (std::int64_t c = 0; c < keys; ++c) work.logits[r * tiles.key_tile + c] *= keep[c];
    }
    tile_gemm(work.sums, tiles.value_padded, rows, tiles.value_padded,
              ByRows<A>{work.logits, tiles.key_tile}, work.values + j * tiles.value_padded,
              tiles.value_padded, keys);
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    const A total = work.totals[r];
    prefetch_row<T>(args.out, b, i + r, shape.q_len, h, shape.value_size);
    T* out = head_row<T>(args.out, b, i + r, h);
    const A scale = total == 0 ? A(0) : A(1) / total;
    for (std::int64_t c = 0; c < shape.value_size; ++c) {
      write_to(out + c, work.sums[r * tiles.value_padded + c] * scale, args.out.write);
    }
    A* lse = static_cast<A*>(args.lse) + (b * shape.heads + h) * shape.q_len + i + r;
    *lse = total == 0 ? -static_cast<A>(__builtin_inf()) : work.maxima[r] + std::log(total);
  }
}

template <typename T>
void forward(const AttentionForwardArgs& args) {
  using A = Acc<T>;
  const AttentionShape& shape = args.shape;
  // Short sequences (the position encoder's) come in thousands: several share a workspace.
  const std::int64_t pairs_per_chunk = shape.kv_len <= 32 ? 16 : 1;
  parallel_chunks(
      shape.batch * shape.heads, pairs_per_chunk, [&](std::int64_t begin, std::int64_t end) {
        Workspace<A> work(shape);
        const AttentionTiles<A>& tiles = work.tiles;
        for (std::int64_t pair = begin; pair < end; ++pair) {
          const std::int64_t b = pair / shape.heads, h = pair % shape.heads;
          pack_queries<T>(work.queries, shape, tiles, args.q, args.pe_q, b, h);
          pack_keys<T>(work.keys, shape, tiles, args.k, args.pe_k, b, h);
          pack_values<T>(work.values, shape.kv_len, shape.value_size, tiles.value_padded, args.v, b,
                         h);
          for (std::int64_t tile = 0; tile < tiles.key_tiles; ++tile) {
            const std::int64_t j = tile * tiles.key_tile;
            transpose_tile(work.keys_transposed + j * tiles.width, work.keys, tiles.width_padded,
                           tiles.width, j, tiles.columns(j, shape.kv_len), shape.kv_len,
                           tiles.key_tile);
          }
          for (std::int64_t i = 0; i < shape.q_len; i += kQueryTile) {
            query_tile<T>(args, work, b, h, i,
                          shape.q_len - i < kQueryTile ? shape.q_len - i : kQueryTile);
          }
        }
      });
}

}  // namespace

void attention_forward(const AttentionForwardArgs& args) {
  dispatch_floating("attention", args.dtype,
                    [&](auto tag) { forward<typename decltype(tag)::type>(args); });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA

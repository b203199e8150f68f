// One sweep a (sequence, head): for each tile of keys and each tile of queries that sees it, the
// weights are recomputed from the log-sum-exp, then
//   dP = dO V^T,  dS = P (dP - delta),  delta = rowsum(dO O)
//   dV += P^T dO,  d[k ; pe_k] += dS^T [q ; pe_q],  d[q ; pe_q] += dS [k ; pe_k]
// Position gradients are summed over the batch: a thread then takes a whole head and its sequences
// in order, into accumulators [heads, blocks, tokens, pe_size], which are written (or summed over
// the heads) at the end.
#include "kernels/common/parallel.h"
#include "kernels/common/scratch.h"
#include "kernels/cpu/attention_tile.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

template <typename A>
struct Workspace {
  explicit Workspace(const AttentionShape& shape)
      : tiles(shape),
        memory(static_cast<std::size_t>(
                   shape.q_len * (2 * tiles.width_padded + tiles.value_padded + 1) +
                   shape.kv_len * (tiles.width_padded + tiles.value_padded) +
                   tiles.key_tile *
                       (tiles.width + tiles.width_padded + shape.value_size + tiles.value_padded) +
                   3 * kQueryTile * tiles.key_tile) *
               sizeof(A)) {
    queries = memory.as<A>();
    grad_queries = queries + shape.q_len * tiles.width_padded;
    grad_out = grad_queries + shape.q_len * tiles.width_padded;
    delta = grad_out + shape.q_len * tiles.value_padded;
    keys = delta + shape.q_len;
    values = keys + shape.kv_len * tiles.width_padded;
    keys_transposed = values + shape.kv_len * tiles.value_padded;
    values_transposed = keys_transposed + tiles.key_tile * tiles.width;
    grad_keys = values_transposed + tiles.key_tile * shape.value_size;
    grad_values = grad_keys + tiles.key_tile * tiles.width_padded;
    weights = grad_values + tiles.key_tile * tiles.value_padded;
    grad_logits = weights + kQueryTile * tiles.key_tile;
    keep = grad_logits + kQueryTile * tiles.key_tile;
  }

  AttentionTiles<A> tiles;
  Scratch memory;
  A *queries, *grad_queries;               // [q_len, width_padded]
  A* grad_out;                             // [q_len, value_padded]
  A* delta;                                // [q_len]
  A* keys;                                 // [kv_len, width_padded]
  A* values;                               // [kv_len, value_padded]
  A *keys_transposed, *values_transposed;  // [width, key_tile], [value_size, key_tile]
  A *grad_keys, *grad_values;              // [key_tile, width_padded], [key_tile, value_padded]
  A *weights, *grad_logits, *keep;         // [kQueryTile, key_tile]
};

/// Accumulators of the position gradients, or null.
template <typename A>
struct PositionSums {
  A* q = nullptr;  // [heads, blocks, q_len, pe_size]
  A* k = nullptr;  // [heads, blocks, kv_len, pe_size]
};

/// Row t of `tokens`.
template <typename T>
void write_row(const AttentionOutput& output, std::int64_t b, std::int64_t t, std::int64_t tokens,
               std::int64_t h, const Acc<T>* values, std::int64_t size, Acc<T> scale) {
  if (output.data == nullptr) return;
  prefetch_row<T>(output, b, t, tokens, h, size);
  T* out = head_row<T>(output, b, t, h);
  for (std::int64_t c = 0; c < size; ++c) write_to(out + c, values[c] * scale, output.write);
}

/// Weights and their gradients for queries [i, i + rows) and the first `keys` of the tile from key
/// j on, which are those that one of them sees. Afterwards work.weights holds the weights as they
/// multiplied the values (with dropout), work.grad_logits the gradient of the logits.
template <typename T>
void gradient_tile(const AttentionBackwardArgs& args, Workspace<Acc<T>>& work, std::int64_t b,
                   std::int64_t h, std::int64_t i, std::int64_t rows, std::int64_t j,
                   std::int64_t keys) {
  using A = Acc<T>;
  const AttentionShape& shape = args.shape;
  const AttentionTiles<A>& tiles = work.tiles;
  const std::int64_t stride = tiles.key_tile, count = padded<A>(keys);
  const std::uint8_t* mask = args.key_mask == nullptr ? nullptr : args.key_mask + b * shape.kv_len;
  const A* lse = static_cast<const A*>(args.lse) + (b * shape.heads + h) * shape.q_len + i;
  logits_tile(work.weights, shape, tiles, work.queries, i, rows, work.keys_transposed, j, count,
              mask);
  tile_gemm<Onto::nothing>(work.grad_logits, stride, rows, count,
                           ByRows<A>{work.grad_out + i * tiles.value_padded, tiles.value_padded},
                           work.values_transposed, stride, shape.value_size);
  for (std::int64_t r = 0; r < rows; ++r) {
    A* weights = work.weights + r * stride;
    A* grad = work.grad_logits + r * stride;
    const A delta = work.delta[i + r];
    if (lse[r] == -__builtin_inf()) {
      for (std::int64_t c = 0; c < count; ++c) weights[c] = grad[c] = 0;
      continue;
    }
    const A shift = lse[r];
    if (shape.dropout == 0.0) {
#pragma omp simd
      for (std::int64_t c = 0; c < count; ++c) {
        weights[c] = fast_exp(weights[c] - shift);
        grad[c] = weights[c] * (grad[c] - delta);
      }
      continue;
    }
    A* keep = work.keep + r * stride;
    for (std::int64_t c = keys; c < count; ++c) keep[c] = 0;
    dropout_row(keep, shape, b, h, i + r, j, keys);
#pragma omp simd
    for (std::int64_t c = 0; c < count; ++c) {
      const A weight = fast_exp(weights[c] - shift);
      grad[c] = weight * (grad[c] * keep[c] - delta);
      weights[c] = weight * keep[c];
    }
  }
}

/// The first query that sees key j, rounded down to a tile.
std::int64_t first_query_tile(const AttentionShape& shape, std::int64_t j) {
  if (!shape.causal) return 0;
  const std::int64_t first = j - (shape.kv_len - shape.q_len);
  return first <= 0 ? 0 : first / kQueryTile * kQueryTile;
}

template <typename T>
void key_tile(const AttentionBackwardArgs& args, Workspace<Acc<T>>& work, std::int64_t b,
              std::int64_t h, std::int64_t j, const PositionSums<Acc<T>>& position) {
  using A = Acc<T>;
  const AttentionShape& shape = args.shape;
  const AttentionTiles<A>& tiles = work.tiles;
  const std::int64_t keys = tiles.keys_in_tile(j, shape.kv_len);
  const std::int64_t columns = tiles.columns(j, shape.kv_len);
  transpose_tile(work.keys_transposed, work.keys, tiles.width_padded, tiles.width, j, columns,
                 shape.kv_len, tiles.key_tile);
  transpose_tile(work.values_transposed, work.values, tiles.value_padded, shape.value_size, j,
                 columns, shape.kv_len, tiles.key_tile);
  for (std::int64_t e = 0; e < tiles.key_tile * tiles.width_padded; ++e) work.grad_keys[e] = 0;
  for (std::int64_t e = 0; e < tiles.key_tile * tiles.value_padded; ++e) work.grad_values[e] = 0;
  for (std::int64_t i = first_query_tile(shape, j); i < shape.q_len; i += kQueryTile) {
    const std::int64_t rows = shape.q_len - i < kQueryTile ? shape.q_len - i : kQueryTile;
    const std::int64_t seen = tiles.keys_in_tile(j, visible_keys(shape, i + rows - 1));
    gradient_tile<T>(args, work, b, h, i, rows, j, seen);
    tile_gemm(work.grad_values, tiles.value_padded, seen, tiles.value_padded,
              ByColumns<A>{work.weights, tiles.key_tile}, work.grad_out + i * tiles.value_padded,
              tiles.value_padded, rows);
    tile_gemm(work.grad_keys, tiles.width_padded, seen, tiles.width_padded,
              ByColumns<A>{work.grad_logits, tiles.key_tile}, work.queries + i * tiles.width_padded,
              tiles.width_padded, rows);
    tile_gemm(work.grad_queries + i * tiles.width_padded, tiles.width_padded, rows,
              tiles.width_padded, ByRows<A>{work.grad_logits, tiles.key_tile},
              work.keys + j * tiles.width_padded, tiles.width_padded, seen);
  }
  for (std::int64_t r = 0; r < keys; ++r) {
    const A* grad_key = work.grad_keys + r * tiles.width_padded;
    write_row<T>(args.grad_k, b, j + r, shape.kv_len, h, grad_key, shape.head_size, A(1));
    write_row<T>(args.grad_v, b, j + r, shape.kv_len, h, work.grad_values + r * tiles.value_padded,
                 shape.value_size, A(1));
    if (position.k == nullptr) continue;
    A* sums = position.k +
              ((h * shape.pe_blocks + pe_block(shape, b)) * shape.kv_len + j + r) * shape.pe_size;
    for (std::int64_t c = 0; c < shape.pe_size; ++c) sums[c] += grad_key[shape.head_size + c];
  }
}

template <typename T>
void one_pair(const AttentionBackwardArgs& args, Workspace<Acc<T>>& work, std::int64_t b,
              std::int64_t h, const PositionSums<Acc<T>>& position) {
  using A = Acc<T>;
  const AttentionShape& shape = args.shape;
  const AttentionTiles<A>& tiles = work.tiles;
  pack_queries<T>(work.queries, shape, tiles, args.q, args.pe_q, b, h);
  pack_keys<T>(work.keys, shape, tiles, args.k, args.pe_k, b, h);
  pack_values<T>(work.values, shape.kv_len, shape.value_size, tiles.value_padded, args.v, b, h);
  pack_values<T>(work.grad_out, shape.q_len, shape.value_size, tiles.value_padded, args.grad_out, b,
                 h);
  for (std::int64_t t = 0; t < shape.q_len; ++t) {
    prefetch_row<T>(args.out, b, t, shape.q_len, h, shape.value_size);
    const T* out = head_row<T>(args.out, b, t, h);
    const A* grad = work.grad_out + t * tiles.value_padded;
    A delta = 0;
#pragma omp simd reduction(+ : delta)
    for (std::int64_t c = 0; c < shape.value_size; ++c) delta += grad[c] * load(out + c);
    work.delta[t] = delta;
  }
  for (std::int64_t e = 0; e < shape.q_len * tiles.width_padded; ++e) work.grad_queries[e] = 0;
  for (std::int64_t j = 0; j < shape.kv_len; j += tiles.key_tile)
    key_tile<T>(args, work, b, h, j, position);
  const A scale = static_cast<A>(shape.scale);
  for (std::int64_t t = 0; t < shape.q_len; ++t) {
    const A* grad = work.grad_queries + t * tiles.width_padded;
    write_row<T>(args.grad_q, b, t, shape.q_len, h, grad, shape.head_size, scale);
    if (position.q == nullptr) continue;
    A* sums =
        position.q + ((h * shape.pe_blocks + pe_block(shape, b)) * shape.q_len + t) * shape.pe_size;
    for (std::int64_t c = 0; c < shape.pe_size; ++c) sums[c] += grad[shape.head_size + c];
  }
}

/// Writes [heads, blocks, tokens, pe_size] sums to their place; heads that share a slice are summed
/// in order.
template <typename T>
void write_position(const AttentionOutput& output, const AttentionShape& shape, std::int64_t tokens,
                    const Acc<T>* sums, Acc<T> scale) {
  if (output.data == nullptr) return;
  const std::int64_t head_size = shape.pe_blocks * tokens * shape.pe_size;
  const bool shared = output.head_stride == 0;
  parallel_chunks(shape.pe_blocks * tokens, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      T* out = static_cast<T*>(output.data) + row / tokens * output.batch_stride +
               row % tokens * output.token_stride;
      for (std::int64_t h = 0; h < (shared ? 1 : shape.heads); ++h) {
        for (std::int64_t c = 0; c < shape.pe_size; ++c) {
          Acc<T> total = 0;
          for (std::int64_t n = h; n < (shared ? shape.heads : h + 1); ++n) {
            total += sums[n * head_size + row * shape.pe_size + c];
          }
          write_to(out + h * output.head_stride + c, total * scale, output.write);
        }
      }
    }
  });
}

template <typename T>
void backward(const AttentionBackwardArgs& args) {
  using A = Acc<T>;
  const AttentionShape& shape = args.shape;
  if (args.grad_pe_q.data == nullptr && args.grad_pe_k.data == nullptr) {
    const std::int64_t pairs_per_chunk = shape.kv_len <= 32 ? 16 : 1;
    parallel_chunks(shape.batch * shape.heads, pairs_per_chunk,
                    [&](std::int64_t begin, std::int64_t end) {
                      Workspace<A> work(shape);
                      for (std::int64_t pair = begin; pair < end; ++pair) {
                        one_pair<T>(args, work, pair / shape.heads, pair % shape.heads, {});
                      }
                    });
    return;
  }
  const std::int64_t q_count = shape.heads * shape.pe_blocks * shape.q_len * shape.pe_size;
  const std::int64_t k_count = shape.heads * shape.pe_blocks * shape.kv_len * shape.pe_size;
  const Scratch memory(static_cast<std::size_t>(q_count + k_count) * sizeof(A));
  const PositionSums<A> position{memory.as<A>(), memory.as<A>() + q_count};
  parallel_chunks(shape.heads, 1, [&](std::int64_t h, std::int64_t) {
    const std::int64_t q_head = q_count / shape.heads, k_head = k_count / shape.heads;
    for (std::int64_t e = 0; e < q_head; ++e) position.q[h * q_head + e] = 0;
    for (std::int64_t e = 0; e < k_head; ++e) position.k[h * k_head + e] = 0;
    Workspace<A> work(shape);
    for (std::int64_t b = 0; b < shape.batch; ++b) one_pair<T>(args, work, b, h, position);
  });
  write_position<T>(args.grad_pe_q, shape, shape.q_len, position.q,
                    static_cast<A>(shape.scale * shape.pe_scale));
  write_position<T>(args.grad_pe_k, shape, shape.kv_len, position.k, A(1));
}

}  // namespace

void attention_backward(const AttentionBackwardArgs& args) {
  dispatch_floating("attention", args.dtype,
                    [&](auto tag) { backward<typename decltype(tag)::type>(args); });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA

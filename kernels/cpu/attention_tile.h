// What attention forward and backward share: the sizes of tiles, packing of operands, and masked
// logits of a tile.
#pragma once

#include <type_traits>

#include "kernels/attention.h"
#include "kernels/cpu/dropout_mask.h"
#include "kernels/cpu/numeric.h"
#include "kernels/cpu/tile_gemm.h"
#include "kernels/cpu/transpose.h"
#include "kernels/cpu/vector_math.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {

constexpr std::int64_t kQueryTile = 48;
constexpr std::int64_t kKeyTile = 112;

/// Sizes of one (sequence, head) in packed form.
template <typename A>
struct AttentionTiles {
  explicit AttentionTiles(const AttentionShape& shape)
      : width(shape.head_size + shape.pe_size),
        width_padded(padded<A>(width)),
        value_padded(padded<A>(shape.value_size)),
        key_tile(shape.kv_len < kKeyTile ? padded<A>(shape.kv_len > 0 ? shape.kv_len : 1)
                                         : kKeyTile),
        key_tiles((shape.kv_len + key_tile - 1) / key_tile) {}

  /// How many of the first `keys` keys lie in the tile from key j on.
  std::int64_t keys_in_tile(std::int64_t j, std::int64_t keys) const {
    return keys - j < key_tile ? keys - j : key_tile;
  }
  /// The tile's columns that hold those: whole vectors.
  std::int64_t columns(std::int64_t j, std::int64_t keys) const {
    return padded<A>(keys_in_tile(j, keys));
  }

  std::int64_t width, width_padded;  // of [q ; pe_q]
  std::int64_t value_padded;
  std::int64_t key_tile, key_tiles;
};

template <typename T>
static inline const T* head_row(const AttentionOperand& operand, std::int64_t b, std::int64_t t,
                                std::int64_t h) {
  return static_cast<const T*>(operand.data) + b * operand.batch_stride + t * operand.token_stride +
         h * operand.head_stride;
}
template <typename T>
static inline T* head_row(const AttentionOutput& output, std::int64_t b, std::int64_t t,
                          std::int64_t h) {
  return static_cast<T*>(output.data) + b * output.batch_stride + t * output.token_stride +
         h * output.head_stride;
}

/// Rows of a head lie a stride apart that the processor does not foresee: asks for the one that is
/// read, or of an output written, kRowsAhead after row t.
template <typename T, typename Rows>
static inline void prefetch_row(const Rows& rows, std::int64_t b, std::int64_t t,
                                std::int64_t tokens, std::int64_t h, std::int64_t size) {
  constexpr std::int64_t kRowsAhead = 8;
  if (t + kRowsAhead >= tokens) return;
  const auto* row = head_row<T>(rows, b, t + kRowsAhead, h);
  constexpr int kToWrite = std::is_same_v<Rows, AttentionOutput> ? 1 : 0;
  for (std::int64_t c = 0; c < size; c += kLine<T>) __builtin_prefetch(row + c, kToWrite);
}

static inline std::int64_t pe_block(const AttentionShape& shape, std::int64_t b) {
  return (shape.first_sequence + b) % shape.pe_blocks;
}

/// Row t of [x * scale ; pe * pe_scale], padded with zeros.
template <typename T>
static inline void pack_row(Acc<T>* out, const T* x, std::int64_t size, Acc<T> scale, const T* pe,
                            std::int64_t pe_size, Acc<T> pe_scale, std::int64_t padded_size) {
  for (std::int64_t c = 0; c < size; ++c) out[c] = load(x + c) * scale;
  for (std::int64_t c = 0; c < pe_size; ++c) out[size + c] = load(pe + c) * pe_scale;
  for (std::int64_t c = size + pe_size; c < padded_size; ++c) out[c] = 0;
}

/// [q * scale ; pe_q * scale * lambda] of every query: [q_len, width_padded].
template <typename T>
static inline void pack_queries(Acc<T>* out, const AttentionShape& shape,
                                const AttentionTiles<Acc<T>>& tiles, const AttentionOperand& q,
                                const AttentionOperand& pe_q, std::int64_t b, std::int64_t h) {
  const auto scale = static_cast<Acc<T>>(shape.scale),
             pe_scale = static_cast<Acc<T>>(shape.scale * shape.pe_scale);
  for (std::int64_t t = 0; t < shape.q_len; ++t) {
    prefetch_row<T>(q, b, t, shape.q_len, h, shape.head_size);
    const T* pe = shape.pe_size > 0 ? head_row<T>(pe_q, pe_block(shape, b), t, h) : nullptr;
    pack_row(out + t * tiles.width_padded, head_row<T>(q, b, t, h), shape.head_size, scale, pe,
             shape.pe_size, pe_scale, tiles.width_padded);
  }
}

/// [k ; pe_k] of every key: [kv_len, width_padded].
template <typename T>
static inline void pack_keys(Acc<T>* out, const AttentionShape& shape,
                             const AttentionTiles<Acc<T>>& tiles, const AttentionOperand& k,
                             const AttentionOperand& pe_k, std::int64_t b, std::int64_t h) {
  for (std::int64_t t = 0; t < shape.kv_len; ++t) {
    prefetch_row<T>(k, b, t, shape.kv_len, h, shape.head_size);
    const T* pe = shape.pe_size > 0 ? head_row<T>(pe_k, pe_block(shape, b), t, h) : nullptr;
    pack_row(out + t * tiles.width_padded, head_row<T>(k, b, t, h), shape.head_size, Acc<T>(1), pe,
             shape.pe_size, Acc<T>(1), tiles.width_padded);
  }
}

/// Values or output gradients: [tokens, value_padded].
template <typename T>
static inline void pack_values(Acc<T>* out, std::int64_t tokens, std::int64_t size,
                               std::int64_t padded_size, const AttentionOperand& v, std::int64_t b,
                               std::int64_t h) {
  for (std::int64_t t = 0; t < tokens; ++t) {
    prefetch_row<T>(v, b, t, tokens, h, size);
    pack_row<T>(out + t * padded_size, head_row<T>(v, b, t, h), size, Acc<T>(1), nullptr, 0,
                Acc<T>(0), padded_size);
  }
}

/// Transposes rows [begin, begin + count) of a packed [tokens, stride] matrix to [columns,
/// key_tile], zero beyond the last token.
template <typename A>
static inline void transpose_tile(A* out, const A* rows, std::int64_t stride, std::int64_t columns,
                                  std::int64_t begin, std::int64_t count, std::int64_t tokens,
                                  std::int64_t key_tile) {
  const std::int64_t there = tokens - begin < count ? tokens - begin : count;
  transpose(out, key_tile, rows + begin * stride, stride, there, columns);
  for (std::int64_t c = 0; c < columns && there < count; ++c) {
    for (std::int64_t j = there; j < count; ++j) out[c * key_tile + j] = 0;
  }
}

/// The number of keys that query i may see if causal, all otherwise.
static inline std::int64_t visible_keys(const AttentionShape& shape, std::int64_t i) {
  const std::int64_t visible = shape.causal ? i + 1 + shape.kv_len - shape.q_len : shape.kv_len;
  return visible < 0 ? 0 : (visible < shape.kv_len ? visible : shape.kv_len);
}

/// Logits of queries [i, i + rows) and keys [j, j + columns), rows key_tile apart; -inf where a key
/// is not allowed.
template <typename A>
static inline void logits_tile(A* logits, const AttentionShape& shape,
                               const AttentionTiles<A>& tiles, const A* queries, std::int64_t i,
                               std::int64_t rows, const A* keys_transposed, std::int64_t j,
                               std::int64_t columns, const std::uint8_t* mask) {
  tile_gemm<Onto::nothing>(logits, tiles.key_tile, rows, columns,
                           ByRows<A>{queries + i * tiles.width_padded, tiles.width_padded},
                           keys_transposed, tiles.key_tile, tiles.width);
  const A minus_infinity = -__builtin_inf();
  for (std::int64_t r = 0; r < rows; ++r) {
    A* row = logits + r * tiles.key_tile;
    std::int64_t allowed = visible_keys(shape, i + r) - j;
    if (allowed < 0) allowed = 0;
    for (std::int64_t c = allowed; c < columns; ++c) row[c] = minus_infinity;
    if (mask == nullptr) continue;
    for (std::int64_t c = 0; c < columns && j + c < shape.kv_len; ++c) {
      if (mask[j + c] == 0) row[c] = minus_infinity;
    }
  }
}

/// keep[c] = 0 or 1 / (1 - p) for the weights of query i and keys [j, j + count).
template <typename A>
static inline void dropout_row(A* keep, const AttentionShape& shape, std::int64_t b, std::int64_t h,
                               std::int64_t i, std::int64_t j, std::int64_t count) {
  std::uint16_t numbers[kKeyTile];
  const std::int64_t queries = shape.queries > 0 ? shape.queries : shape.q_len;
  const std::int64_t head = (shape.first_sequence + b) * shape.heads + h;
  const std::int64_t row = head * queries + shape.first_query + i;
  dropout_numbers(at_step(shape.dropout_key, shape.dropout_step),
                  static_cast<std::uint64_t>(row * shape.kv_len + j), count, numbers);
  const std::uint32_t threshold = dropout_threshold(shape.dropout);
  const A scale = static_cast<A>(1.0 / (1.0 - shape.dropout));
  for (std::int64_t c = 0; c < count; ++c) keep[c] = numbers[c] < threshold ? A(0) : scale;
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA

// The cases of attention, and where their operands lie, for the tests on the CPU and on a device.
#pragma once

#include <cmath>
#include <ostream>
#include <utility>

#include "tests/reference/attention.h"
#include "tests/support/kernel_test.h"

namespace seqpe::test {

enum class AttentionLayout : std::uint8_t {
  token_major,  // [B, T, H * size]
  packed,       // the same inside a wider row, like one of q, k, v in [B, T, 3C]
  head_major    // [B, H, T, size]
};
enum class AttentionMask : std::uint8_t { none, ragged, first_sequence_empty, holes, late };

struct AttentionCase {
  const char* name;
  std::int64_t batch = 1, heads = 1, q_len = 1, kv_len = 1, head_size = 1, value_size = 1;
  bool causal = false;
  AttentionMask mask = AttentionMask::none;
  double dropout = 0.0;
  std::int64_t pe_size = 0, pe_blocks = 1, first_sequence = 0;
  double pe_scale = 1.0;
  bool shared_pe = false;
  AttentionLayout layout = AttentionLayout::token_major;
  std::int64_t first_query = 0, queries = 0;
};

inline void PrintTo(const AttentionCase& c, std::ostream* out) {
  *out << c.name;
}

// A tile is 48 queries by 112 keys on a CPU; on a GPU it has 64 keys.
inline const AttentionCase kAttentionCases[] = {
    {"one_of_each"},
    {"no_queries", 2, 2, 0, 3, 4, 4},
    {"no_sequences", 0, 2, 3, 3, 4, 4},
    {"no_keys", 2, 2, 3, 0, 4, 4},
    {"one_query", 2, 3, 1, 65, 8, 8},
    {"one_key", 2, 2, 5, 1, 4, 4},
    {"short_sequences", 17, 2, 7, 7, 8, 8},
    {"below_a_tile", 1, 2, 63, 63, 4, 4, true},
    {"a_tile", 1, 2, 64, 64, 8, 8, true},
    {"above_a_tile", 1, 2, 65, 65, 33, 33, true},
    {"above_a_wide_tile", 1, 2, 113, 113, 8, 8, true},
    {"several_tiles", 2, 1, 130, 130, 4, 8, true},
    {"several_tiles_all_visible", 1, 1, 130, 130, 8, 4},
    {"packed", 2, 3, 50, 50, 8, 8, true, AttentionMask::none, 0, 0, 1, 0, 1, false,
     AttentionLayout::packed},
    {"head_major", 2, 3, 49, 33, 8, 5, false, AttentionMask::none, 0, 0, 1, 0, 1, false,
     AttentionLayout::head_major},
    {"large_heads", 1, 2, 9, 11, 64, 64},
    {"largest_heads", 1, 1, 5, 70, 128, 128, true},
    {"wide_values", 2, 2, 6, 5, 4, 33},
    {"wide_keys", 2, 2, 6, 5, 33, 1},
    {"causal_with_past", 2, 2, 5, 70, 8, 8, true},
    {"causal_one_query", 2, 2, 1, 66, 8, 8, true},
    {"causal_first_queries_blind", 2, 2, 70, 5, 8, 8, true},
    {"ragged", 3, 2, 10, 70, 8, 8, false, AttentionMask::ragged},
    {"ragged_causal", 3, 2, 70, 70, 8, 8, true, AttentionMask::ragged},
    {"empty_sequence", 3, 2, 50, 50, 8, 8, false, AttentionMask::first_sequence_empty},
    {"holes_causal", 3, 2, 66, 66, 4, 4, true, AttentionMask::holes},
    {"dropout", 2, 3, 50, 67, 8, 8, false, AttentionMask::none, 0.3},
    {"dropout_causal_masked", 2, 2, 70, 70, 4, 4, true, AttentionMask::holes, 0.5, 0, 1, 3},
    {"several_tiles_dropout_holes_pe", 2, 2, 130, 130, 8, 8, false, AttentionMask::holes, 0.3, 5},
    {"several_tiles_first_masked", 1, 2, 50, 130, 8, 8, false, AttentionMask::late, 0.1},
    {"pe", 2, 2, 7, 7, 8, 8, false, AttentionMask::none, 0, 8},
    {"pe_of_own_size", 2, 2, 50, 66, 4, 8, true, AttentionMask::none, 0, 5, 1, 0, 0.7},
    {"pe_blocks", 5, 2, 6, 6, 4, 4, false, AttentionMask::none, 0, 3, 3, 0, 1.3},
    {"pe_blocks_later_sequences", 4, 2, 6, 6, 4, 4, true, AttentionMask::none, 0, 3, 3, 5, 1.3},
    {"pe_blocks_unused", 2, 2, 6, 6, 4, 4, false, AttentionMask::none, 0, 3, 4, 1},
    {"pe_shared", 3, 3, 7, 9, 8, 8, false, AttentionMask::none, 0, 8, 1, 0, 0.5, true},
    {"pe_shared_blocks_all", 5, 3, 65, 65, 8, 4, true, AttentionMask::ragged, 0.2, 6, 2, 3, 0.5,
     true},
    {"pe_packed", 2, 2, 9, 9, 4, 4, true, AttentionMask::none, 0, 4, 2, 0, 2, false,
     AttentionLayout::packed},
    {"pe_head_major", 2, 2, 9, 7, 4, 4, false, AttentionMask::none, 0, 4, 2, 0, 2, false,
     AttentionLayout::head_major},
    {"pe_largest_heads", 1, 1, 18, 18, 128, 128, true, AttentionMask::none, 0, 128},
    {"pe_wide_heads", 1, 1, 17, 17, 80, 80, true, AttentionMask::none, 0, 80},
    {"one_of_several_queries", 3, 2, 1, 6, 8, 8, true, AttentionMask::none, 0.2, 0, 1, 0, 1, false,
     AttentionLayout::token_major, 5, 6},
    {"pe_empty_sequence", 2, 2, 5, 5, 4, 4, false, AttentionMask::first_sequence_empty, 0.1, 4, 2},
};

inline kernels::AttentionShape shape_of(const AttentionCase& c) {
  return {.batch = c.batch,
          .heads = c.heads,
          .q_len = c.q_len,
          .kv_len = c.kv_len,
          .head_size = c.head_size,
          .value_size = c.value_size,
          .pe_size = c.pe_size,
          .pe_blocks = c.pe_blocks,
          .first_sequence = c.first_sequence,
          .causal = c.causal,
          .scale = 1.0 / std::sqrt(static_cast<double>(c.head_size + c.pe_size)),
          .pe_scale = c.pe_scale,
          .dropout = c.dropout,
          .first_query = c.first_query,
          .queries = c.queries,
          .dropout_key = {.seed = 11, .stream = 5, .step = 3}};
}

/// Where the elements of one operand lie.
struct Placement {
  std::int64_t batch = 0, tokens = 0, heads = 0, size = 0;
  std::int64_t batch_stride = 0, token_stride = 0, head_stride = 0, count = 0;

  Placement(AttentionLayout layout, std::int64_t batch_, std::int64_t tokens_, std::int64_t heads_,
            std::int64_t size_, bool shared = false)
      : batch(batch_), tokens(tokens_), heads(heads_), size(size_) {
    const std::int64_t slices = shared ? 1 : heads;
    if (layout == AttentionLayout::head_major) {
      token_stride = size;
      head_stride = shared ? 0 : tokens * size;
      batch_stride = slices * tokens * size;
    } else {
      token_stride = (layout == AttentionLayout::packed ? 3 : 1) * slices * size;
      head_stride = shared ? 0 : size;
      batch_stride = tokens * token_stride;
    }
    count = batch * batch_stride;
  }

  /// f(index) for every element that belongs to the operand.
  template <typename F>
  void for_each(const F& f) const {
    for (std::int64_t b = 0; b < batch; ++b) {
      for (std::int64_t t = 0; t < tokens; ++t) {
        for (std::int64_t h = 0; h < heads; ++h) {
          for (std::int64_t c = 0; c < size; ++c) {
            f(static_cast<std::size_t>(b * batch_stride + t * token_stride + h * head_stride + c));
          }
        }
      }
    }
  }
  reference::Heads heads_of(Doubles data) const {
    return {std::move(data), batch_stride, token_stride, head_stride};
  }
};

/// Random elements where the operand lies, NaN between.
template <typename T>
std::vector<T> random_operand(const Placement& place, std::uint64_t seed) {
  const auto values = random_vector<T>(place.count, seed);
  auto operand = poisoned<T>(place.count);
  place.for_each([&](std::size_t i) { operand[i] = values[i]; });
  return operand;
}

/// The key mask of a case: [batch, kv_len], empty where it has none.
inline std::vector<std::uint8_t> key_mask_of(const AttentionCase& c) {
  std::vector<std::uint8_t> mask;
  for (std::int64_t b = 0; c.mask != AttentionMask::none && b < c.batch; ++b) {
    for (std::int64_t j = 0; j < c.kv_len; ++j) {
      const bool allowed = c.mask == AttentionMask::ragged  ? j < c.kv_len - 3 * b
                           : c.mask == AttentionMask::holes ? (j * 7 + b) % 5 < 3 && j >= 2 * b
                           : c.mask == AttentionMask::late  ? j >= 115
                                                            : b > 0;
      mask.push_back(allowed ? 1 : 0);
    }
  }
  return mask;
}

}  // namespace seqpe::test

// Which weights of a tile dropout keeps, in the fragments' layout: bit 4 n + e for element e of the
// columns from 8 n on. Philox gives four neighbouring keys' words at a time, which belong to
// several lanes: each lane draws one block and they exchange what they found.
#pragma once

#include <cstdint>

#include "kernels/cuda/attention_weight_number.h"
#include "kernels/cuda/dropout_mask.h"
#include "kernels/simt/ptx.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

/// Bit w: whether element + w is kept; element is a multiple of 4.
__device__ __forceinline__ std::uint32_t keep_bits_of_four(const DropoutMask& mask,
                                                           std::int64_t element) {
  float factors[4];
  mask.draw_numbered(factors, static_cast<std::uint64_t>(element));
  std::uint32_t bits = 0;
#pragma unroll
  for (int w = 0; w < 4; ++w) bits |= factors[w] != 0.0f ? 1u << w : 0u;
  return bits;
}
__device__ __forceinline__ std::uint32_t keep_bit(const DropoutMask& mask, std::int64_t element) {
  float factor[1];
  mask.draw_numbered(factor, static_cast<std::uint64_t>(element));
  return factor[0] != 0.0f ? 1 : 0;
}

/// Rows are queries, columns keys: `corner` is the number of the weight of row 0 and column 0 of
/// the 16 rows. Every lane must call.
template <int kN>
__device__ __forceinline__ std::uint32_t keep_bits_of_queries(const DropoutMask& mask,
                                                              std::int64_t corner,
                                                              std::int64_t kv_len) {
  const int lane = simt::not_kept(static_cast<int>(threadIdx.x) % 32), group = lane / 4,
            place = lane % 4;
  std::uint32_t bits = 0;
  if (kv_len % 4 == 0) {
    // Of the columns that two lanes share, the even lane draws row g's, the odd one row g + 8's.
    const bool odd = place % 2 != 0;
    const std::int64_t first =
        corner + static_cast<std::int64_t>(group + (odd ? 8 : 0)) * kv_len + place / 2 * 4;
#pragma unroll 1
    for (int n = 0; n < kN; ++n) {
      const std::uint32_t own = keep_bits_of_four(mask, first + 8 * n),
                          other = __shfl_xor_sync(simt::kAllLanes, own, 1);
      const int shift = odd ? 2 : 0;
      const std::uint32_t first_row = (odd ? other : own) >> shift & 3,
                          second_row = (odd ? own : other) >> shift & 3;
      bits |= (first_row | second_row << 2) << (4 * n);
    }
    return bits;
  }
  const std::int64_t first = corner + static_cast<std::int64_t>(group) * kv_len + place * 2;
#pragma unroll 1
  for (int b = 0; b < 4 * kN; ++b)
    bits |= keep_bit(mask, first + (b % 4 / 2 * 8) * kv_len + b / 4 * 8 + b % 2) << b;
  return bits;
}

/// Rows are keys, columns queries.
template <int kN>
__device__ __forceinline__ std::uint32_t keep_bits_of_keys(const DropoutMask& mask,
                                                           std::int64_t corner,
                                                           std::int64_t kv_len) {
  const int lane = simt::not_kept(static_cast<int>(threadIdx.x) % 32), group = lane / 4,
            place = lane % 4;
  std::uint32_t bits = 0;
  if (kv_len % 4 == 0) {
    // Four lanes share four blocks of keys, one an element of theirs: each draws one.
    const int drawn = group % 4;
    const std::int64_t first = corner + static_cast<std::int64_t>(place * 2 + drawn % 2) * kv_len +
                               drawn / 2 * 8 + group / 4 * 4;
#pragma unroll 1
    for (int n = 0; n < kN; ++n) {
      const std::uint32_t own = keep_bits_of_four(mask, first + 8 * n * kv_len);
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const std::uint32_t drawn_by =
            __shfl_sync(simt::kAllLanes, own, group / 4 * 16 + e * 4 + place);
        bits |= (drawn_by >> drawn & 1) << (4 * n + e);
      }
    }
    return bits;
  }
  const std::int64_t first = corner + static_cast<std::int64_t>(place * 2) * kv_len + group;
#pragma unroll 1
  for (int b = 0; b < 4 * kN; ++b)
    bits |= keep_bit(mask, first + (b / 4 * 8 + b % 2) * kv_len + b % 4 / 2 * 8) << b;
  return bits;
}

}  // namespace seqpe::kernels::cuda

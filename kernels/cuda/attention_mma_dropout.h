// Which weights of a tile dropout keeps, in the fragments' layout: bit 4 n + e for element e of the
// columns from 8 n on. A block of Philox gives the numbers of eight neighbouring keys, which belong
// to several lanes: each lane draws some blocks and they exchange what they found.
#pragma once

#include <cstdint>

#include "kernels/cuda/attention_weight_number.h"
#include "kernels/cuda/dropout_mask.h"
#include "kernels/simt/ptx.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

/// Whether eight neighbouring keys, from a multiple of eight on, have one block.
__device__ __forceinline__ bool keys_share_blocks(std::int64_t kv_len) {
  return kv_len % kDropoutNumbers == 0;
}

/// Rows are queries, columns keys: `corner` is the number of the weight of row 0 and column 0 of
/// the 16 rows. Every lane must call.
template <int kN>
__device__ __forceinline__ std::uint32_t keep_bits_of_queries(const DropoutMask& mask,
                                                              std::int64_t corner,
                                                              std::int64_t kv_len) {
  static_assert(kN % 4 == 0 && kN <= 8);
  const PhiloxKey key = mask.key_now();
  const int lane = simt::not_kept(static_cast<int>(threadIdx.x) % 32), group = lane / 4,
            place = lane % 4;
  std::uint32_t bits = 0;
  if (keys_share_blocks(kv_len)) {
    // Of the rows g and g + 8 that four lanes share, a lane draws columns 8 (place + 4 m) ... + 7:
    // byte 2 m of its word those of row g, byte 2 m + 1 those of row g + 8.
    const std::int64_t first = corner + static_cast<std::int64_t>(group) * kv_len + place * 8;
    std::uint32_t own = 0;
#pragma unroll
    for (int b = 0; b < kN / 2; ++b)
      own |= mask.keep_bits<8>(key,
                               static_cast<std::uint64_t>(first + b % 2 * 8 * kv_len + b / 2 * 32))
             << (8 * b);
#pragma unroll
    for (int drawer = 0; drawer < 4; ++drawer) {
      const std::uint32_t drawn = __shfl_sync(simt::kAllLanes, own, group * 4 + drawer);
      // The lane's two columns of each byte, then those of both rows side by side.
      const std::uint32_t pairs = drawn >> (2 * place) & 0x03030303u;
      bits |= ((pairs | pairs >> 6) & 0x000f000fu) << (4 * drawer);
    }
    return bits;
  }
  const std::int64_t first = corner + static_cast<std::int64_t>(group) * kv_len + place * 2;
#pragma unroll 1
  for (int b = 0; b < 4 * kN; ++b)
    bits |= mask.keep_bits<1>(key, static_cast<std::uint64_t>(first + (b % 4 / 2 * 8) * kv_len +
                                                              b / 4 * 8 + b % 2))
            << b;
  return bits;
}

/// Rows are keys, columns queries.
template <int kN>
__device__ __forceinline__ std::uint32_t keep_bits_of_keys(const DropoutMask& mask,
                                                           std::int64_t corner,
                                                           std::int64_t kv_len) {
  static_assert(kN % 2 == 0 && kN <= 8);
  const PhiloxKey key = mask.key_now();
  const int lane = simt::not_kept(static_cast<int>(threadIdx.x) % 32), group = lane / 4,
            place = lane % 4;
  std::uint32_t bits = 0;
  if (keys_share_blocks(kv_len)) {
    // Eight lanes share the rows of their columns 8 n + 2 place and the next. Of the blocks of two
    // n, lane g draws number g: n's last bit, the half of the rows, the column's last bit.
    const std::int64_t first =
        corner + static_cast<std::int64_t>(group / 4 * 8 + place * 2 + group % 2) * kv_len +
        group % 4 / 2 * 8;
    std::uint32_t own = 0;
#pragma unroll
    for (int b = 0; b < kN / 2; ++b)
      own |= mask.keep_bits<8>(key, static_cast<std::uint64_t>(first + b * 16 * kv_len)) << (8 * b);
#pragma unroll
    for (int drawer = 0; drawer < 8; ++drawer) {
      const std::uint32_t drawn = __shfl_sync(simt::kAllLanes, own, drawer * 4 + place);
      bits |= (drawn >> group & 0x01010101u) << drawer;
    }
    return bits;
  }
  const std::int64_t first = corner + static_cast<std::int64_t>(place * 2) * kv_len + group;
#pragma unroll 1
  for (int b = 0; b < 4 * kN; ++b)
    bits |= mask.keep_bits<1>(key, static_cast<std::uint64_t>(first + (b / 4 * 8 + b % 2) * kv_len +
                                                              b % 4 / 2 * 8))
            << b;
  return bits;
}

}  // namespace seqpe::kernels::cuda

// Which keys of a tile the rows of logits may see: bits, tested in the fragments' layout (lane
// 4 g + p holds columns 2 p and 2 p + 1 of each 8, of rows g and g + 8).
#pragma once

#include <cstdint>

#include "kernels/attention.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

/// The lowest `count` bits; none for a count below 0, all from 32 on.
__device__ __forceinline__ std::uint32_t low_bits(int count) {
  if (count <= 0) return 0;
  return count >= 32 ? 0xffffffffu : (1u << count) - 1;
}

template <int kKeys>
class KeyBits {
 public:
  /// Keys [begin, begin + kKeys) of sequence b that exist and are not padding. Every lane must
  /// call.
  __device__ __forceinline__ KeyBits(const AttentionShape& shape, const std::uint8_t* key_mask,
                                     int b, int begin) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int rest = static_cast<int>(shape.kv_len) - begin;
#pragma unroll
    for (int w = 0; w < kWords; ++w) {
      const int key = 32 * w + lane;
      if (key_mask == nullptr) {
        words_[w] = low_bits(rest - 32 * w);
      } else {
        const bool allowed = key < rest && key_mask[b * shape.kv_len + begin + key] != 0;
        words_[w] = __ballot_sync(simt::kAllLanes, allowed);
      }
    }
  }

  __device__ __forceinline__ bool all() const {
    std::uint32_t bits = 0xffffffffu;
#pragma unroll
    for (int w = 0; w < kWords; ++w) bits &= words_[w];
    return bits == 0xffffffffu;
  }

  /// Logits of keys that are not allowed become -inf. first_limit: how many of the tile's keys row
  /// g sees; row g + 8 sees 8 more where attention is causal.
  template <int kN>
  __device__ __forceinline__ void forbid(float (&logits)[kN][4], bool causal,
                                         int first_limit) const {
    static_assert(kN * 8 == kKeys);
    const int place = static_cast<int>(threadIdx.x) % 4;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int limit = causal ? first_limit + 8 * half : kKeys;
#pragma unroll
      for (int w = 0; w < kWords; ++w) {
        const std::uint32_t bits = (words_[w] & low_bits(limit - 32 * w)) >> (2 * place);
#pragma unroll
        for (int n = 0; n < 4; ++n) {
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            if ((bits >> (8 * n + e) & 1) == 0) logits[4 * w + n][2 * half + e] = -INFINITY;
          }
        }
      }
    }
  }

 private:
  static constexpr int kWords = kKeys / 32;
  std::uint32_t words_[kWords];
};

}  // namespace seqpe::kernels::cuda

// The mask of kernels/dropout.h on the device: bit for bit that of kernels/cpu/dropout_mask.h.
#pragma once

#include <cstdint>

#include "kernels/common/dropout_number.h"
#include "kernels/dropout.h"
#include "kernels/simt/ptx.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

struct DropoutMask {
  PhiloxKey key;
  const std::int32_t* step;  // as DropoutDraw::step
  std::uint64_t first = 0;   // number of element 0 in the global batch
  std::int64_t run = 0, run_stride = 0;
  bool whole_runs = false;
  std::uint32_t threshold = 0;
  float scale = 1.0f;
  bool active = false;

  explicit DropoutMask(const DropoutDraw& draw)
      : key(draw.key),
        step(draw.step),
        first(draw.first_element),
        run(draw.run),
        run_stride(draw.run_stride),
        whole_runs(draw.whole_runs),
        threshold(dropout_threshold(draw.probability)),
        scale(static_cast<float>(1.0 / (1.0 - draw.probability))),
        active(draw.probability != 0.0) {}

  /// Whether the numbers of a pack's elements, at a multiple of its size of 4 or 8, lie in one
  /// block, or are one.
  bool allows_packs(int size) const {
    if (!active) return true;
    if (whole_runs) return run % size == 0;
    return first % static_cast<unsigned>(size) == 0 &&
           (run == 0 || (run % size == 0 && run_stride % size == 0));
  }

  /// The key of the step that is recorded or played.
  __device__ __forceinline__ PhiloxKey key_now() const { return at_step(key, step); }

  /// factors[i] = 0 or 1 / (1 - p) for element + i. N is 1, or a pack's size where allows_packs.
  template <int N>
  __device__ __forceinline__ void draw(float (&factors)[N], std::int64_t element) const {
    if (!active) {
#pragma unroll
      for (int i = 0; i < N; ++i) factors[i] = 1.0f;
      return;
    }
    const std::uint64_t number = number_of(element);
    if (whole_runs) {
      const float factor = keep_bits<1>(key_now(), number) != 0 ? scale : 0.0f;
#pragma unroll
      for (int i = 0; i < N; ++i) factors[i] = factor;
      return;
    }
    const std::uint32_t kept = keep_bits<N>(key_now(), number);
#pragma unroll
    for (int i = 0; i < N; ++i) factors[i] = (kept >> i & 1) != 0 ? scale : 0.0f;
  }

  /// Bit i: whether the element with number + i is kept, of an active mask. N is 1, or 4 or 8 where
  /// that divides the number. By numbers in the global batch: without runs, and the division that
  /// they need.
  template <int N>
  __device__ __forceinline__ std::uint32_t keep_bits(const PhiloxKey& now,
                                                     std::uint64_t number) const {
    static_assert(N == 1 || N == 4 || N == kDropoutNumbers);
    const PhiloxBlock block = dropout_block(now, number / kDropoutNumbers);
    // An index that is not known would put the block into local memory.
    const bool second_half = N < kDropoutNumbers && (number & 4) != 0;
    std::uint32_t low = second_half ? block.words[2] : block.words[0],
                  high = second_half ? block.words[3] : block.words[1];
    if constexpr (N == 1) {
      const std::uint32_t word = (number & 2) != 0 ? high : low;
      return is_kept((number & 1) != 0 ? word : word << 16);
    } else {
      std::uint32_t bits =
          is_kept(low << 16) | is_kept(low) << 1 | is_kept(high << 16) << 2 | is_kept(high) << 3;
      if constexpr (N == kDropoutNumbers) {
        low = block.words[2];
        high = block.words[3];
        bits |= is_kept(low << 16) << 4 | is_kept(low) << 5 | is_kept(high << 16) << 6 |
                is_kept(high) << 7;
      }
      return bits;
    }
  }

 private:
  /// By the number in the upper half of a word.
  __device__ __forceinline__ std::uint32_t is_kept(std::uint32_t word) const {
    return word >= threshold << 16 ? 1 : 0;
  }
  __device__ __forceinline__ std::uint64_t number_of(std::int64_t element) const {
    const auto place = static_cast<std::uint64_t>(element),
               length = static_cast<std::uint64_t>(run);
    if (run == 0) return first + place;
    // A division of 64 bits costs a GPU several times one of 32.
    const std::uint64_t runs = (place | length) >> 32 == 0 ? static_cast<std::uint32_t>(place) /
                                                                 static_cast<std::uint32_t>(length)
                                                           : place / length;
    const std::uint64_t number = first + runs * static_cast<std::uint64_t>(run_stride);
    return whole_runs ? number : number + (place - runs * length);
  }
};

}  // namespace seqpe::kernels::cuda

// The mask of kernels/dropout.h on the device: bit for bit that of kernels/cpu/dropout_mask.h.
#pragma once

#include <cstdint>

#include "kernels/common/philox.h"
#include "kernels/dropout.h"
#include "kernels/simt/ptx.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {

struct DropoutMask {
  PhiloxKey key;
  const std::int32_t* step;  // as DropoutDraw::step
  std::uint64_t first = 0;   // number of element 0 in the global batch
  std::int64_t run = 0, run_stride = 0;
  std::uint32_t threshold = 0;
  float scale = 1.0f;
  bool active = false;

  explicit DropoutMask(const DropoutDraw& draw)
      : key(draw.key),
        step(draw.step),
        first(draw.first_element),
        run(draw.run),
        run_stride(draw.run_stride),
        threshold(dropout_threshold(draw.probability)),
        scale(static_cast<float>(1.0 / (1.0 - draw.probability))),
        active(draw.probability != 0.0) {}

  /// Whether the elements of a pack, at a multiple of `size` (which 4 divides), are whole Philox
  /// blocks.
  bool allows_packs(int size) const {
    if (!active) return true;
    return first % 4 == 0 && (run == 0 || (run % size == 0 && run_stride % 4 == 0));
  }

  /// factors[i] = 0 or 1 / (1 - p) for element + i. N is 1, or a pack's size where allows_packs.
  template <int N>
  __device__ __forceinline__ void draw(float (&factors)[N], std::int64_t element) const {
    static_assert(N == 1 || N % 4 == 0);
    if (!active) {
#pragma unroll
      for (int i = 0; i < N; ++i) factors[i] = 1.0f;
      return;
    }
    draw_numbered(factors, number_of(element));
  }

  /// The same by numbers in the global batch, of an active mask: without runs, and the division
  /// that they need.
  template <int N>
  __device__ __forceinline__ void draw_numbered(float (&factors)[N], std::uint64_t number) const {
    // Read at every draw: the attention kernels have no register to hold it.
    const PhiloxKey now = at_step(key, step == nullptr ? nullptr : step + simt::not_kept(0));
    if constexpr (N == 1) {
      // philox_word's index would put the block into local memory.
      const PhiloxBlock block = philox(now, number >> 2);
      const std::uint32_t low = (number & 1) != 0 ? block.words[1] : block.words[0],
                          high = (number & 1) != 0 ? block.words[3] : block.words[2];
      factors[0] = ((number & 2) != 0 ? high : low) < threshold ? 0.0f : scale;
    } else {
#pragma unroll
      for (int i = 0; i < N; i += 4) {
        const PhiloxBlock block = philox(now, (number >> 2) + static_cast<unsigned>(i / 4));
#pragma unroll
        for (int w = 0; w < 4; ++w) factors[i + w] = block.words[w] < threshold ? 0.0f : scale;
      }
    }
  }

 private:
  __device__ __forceinline__ std::uint64_t number_of(std::int64_t element) const {
    const auto place = static_cast<std::uint64_t>(element),
               length = static_cast<std::uint64_t>(run);
    if (run == 0) return first + place;
    // A division of 64 bits costs a GPU several times one of 32.
    const std::uint64_t runs = (place | length) >> 32 == 0 ? static_cast<std::uint32_t>(place) /
                                                                 static_cast<std::uint32_t>(length)
                                                           : place / length;
    return first + runs * static_cast<std::uint64_t>(run_stride) + (place - runs * length);
  }
};

}  // namespace seqpe::kernels::cuda

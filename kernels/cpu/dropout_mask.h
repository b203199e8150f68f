// Runs of Philox words, 16 blocks (64 words) at a time so that the rounds vectorise.
#pragma once

#include <cstdint>

#include "kernels/common/philox.h"
#include "kernels/dropout.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {

/// words[i] = philox_word(key, first + i) for i in [0, count).
static inline void philox_words(const PhiloxKey& key, std::uint64_t first, std::int64_t count,
                                std::uint32_t* words) {
  constexpr int kLanes = 16;
  std::int64_t done = 0;
  while (done < count) {
    const std::uint64_t element = first + static_cast<std::uint64_t>(done);
    const std::uint64_t block = element >> 2;
    std::uint32_t lanes[4][kLanes];
#pragma omp simd
    for (int lane = 0; lane < kLanes; ++lane) {
      const PhiloxBlock drawn = philox(key, block + static_cast<std::uint64_t>(lane));
      lanes[0][lane] = drawn.words[0];
      lanes[1][lane] = drawn.words[1];
      lanes[2][lane] = drawn.words[2];
      lanes[3][lane] = drawn.words[3];
    }
    const int skip = static_cast<int>(element & 3);
    for (int i = skip; i < 4 * kLanes && done < count; ++i, ++done)
      words[done] = lanes[i & 3][i >> 2];
  }
}

/// The words of elements [begin, begin + count) of a tensor, as the draw numbers them.
static inline void dropout_words(const DropoutDraw& draw, std::int64_t begin, std::int64_t count,
                                 std::uint32_t* words) {
  const auto from = [&](std::int64_t number) {
    return draw.first_element + static_cast<std::uint64_t>(number);
  };
  const PhiloxKey key = at_step(draw.key, draw.step);
  if (draw.run == 0) return philox_words(key, from(begin), count, words);
  const std::int64_t end = begin + count;
  for (std::int64_t i = begin, length = 0; i < end; i += length) {
    const std::int64_t place = i % draw.run;
    length = draw.run - place < end - i ? draw.run - place : end - i;
    philox_words(key, from(i / draw.run * draw.run_stride + place), length, words + (i - begin));
  }
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA

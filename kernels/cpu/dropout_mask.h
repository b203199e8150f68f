// Runs of dropout's numbers, 16 blocks (128 numbers) at a time so that the rounds vectorise.
#pragma once

#include <cstdint>

#include "kernels/common/dropout_number.h"
#include "kernels/dropout.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {

/// numbers[i] = dropout_number(key, first + i) for i in [0, count).
static inline void dropout_numbers(const PhiloxKey& key, std::uint64_t first, std::int64_t count,
                                   std::uint16_t* numbers) {
  constexpr int kLanes = 16;
  std::int64_t done = 0;
  while (done < count) {
    const std::uint64_t element = first + static_cast<std::uint64_t>(done);
    const std::uint64_t block = element / kDropoutNumbers;
    std::uint32_t lanes[4][kLanes];
#pragma omp simd
    for (int lane = 0; lane < kLanes; ++lane) {
      const PhiloxBlock drawn = dropout_block(key, block + static_cast<std::uint64_t>(lane));
      lanes[0][lane] = drawn.words[0];
      lanes[1][lane] = drawn.words[1];
      lanes[2][lane] = drawn.words[2];
      lanes[3][lane] = drawn.words[3];
    }
    std::uint16_t drawn[kLanes * kDropoutNumbers];
    for (int lane = 0; lane < kLanes; ++lane) {
      for (int w = 0; w < 4; ++w) {
        drawn[kDropoutNumbers * lane + 2 * w] = static_cast<std::uint16_t>(lanes[w][lane]);
        drawn[kDropoutNumbers * lane + 2 * w + 1] =
            static_cast<std::uint16_t>(lanes[w][lane] >> 16);
      }
    }
    const auto skip = static_cast<std::int64_t>(element % kDropoutNumbers);
    const std::int64_t left = kLanes * kDropoutNumbers - skip,
                       taken = left < count - done ? left : count - done;
    for (std::int64_t i = 0; i < taken; ++i) numbers[done + i] = drawn[skip + i];
    done += taken;
  }
}

/// The numbers of elements [begin, begin + count) of a tensor, as the draw numbers them.
static inline void dropout_numbers(const DropoutDraw& draw, std::int64_t begin, std::int64_t count,
                                   std::uint16_t* numbers) {
  const auto from = [&](std::int64_t number) {
    return draw.first_element + static_cast<std::uint64_t>(number);
  };
  const PhiloxKey key = at_step(draw.key, draw.step);
  if (draw.run == 0) return dropout_numbers(key, from(begin), count, numbers);
  const std::int64_t end = begin + count;
  for (std::int64_t i = begin, length = 0; i < end; i += length) {
    const std::int64_t place = i % draw.run;
    length = draw.run - place < end - i ? draw.run - place : end - i;
    const std::uint64_t first = from(i / draw.run * draw.run_stride);
    if (draw.whole_runs) {
      const auto number = static_cast<std::uint16_t>(dropout_number(key, first));
      for (std::int64_t e = 0; e < length; ++e) numbers[i - begin + e] = number;
    } else {
      dropout_numbers(key, first + static_cast<std::uint64_t>(place), length,
                      numbers + (i - begin));
    }
  }
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA

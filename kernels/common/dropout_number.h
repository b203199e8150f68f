// The random numbers of dropout: 16 bits an element, eight elements a block of Philox with seven
// rounds. On a GPU drawing a mask costs more than attention's products, so it draws no more than it
// needs: a probability is met to 2^-17.
#pragma once

#include <cstdint>

#include "kernels/common/philox.h"

namespace seqpe {

/// Elements a block; element e takes number e % kDropoutNumbers of block e / kDropoutNumbers.
inline constexpr int kDropoutNumbers = 8;

SEQPE_HOST_DEVICE static inline PhiloxBlock dropout_block(const PhiloxKey& key,
                                                          std::uint64_t block) {
  return philox<7>(key, block);
}

/// Number i of a block: words in their order, the lower half of each first.
SEQPE_HOST_DEVICE static inline std::uint32_t dropout_number(const PhiloxBlock& block, int i) {
  return block.words[i / 2] >> (16 * (i % 2)) & 0xffffu;
}

/// The number of an element.
SEQPE_HOST_DEVICE static inline std::uint32_t dropout_number(const PhiloxKey& key,
                                                             std::uint64_t element) {
  return dropout_number(dropout_block(key, element / kDropoutNumbers),
                        static_cast<int>(element % kDropoutNumbers));
}

/// The smallest number that keeps an element: an element is dropped if its number is below this.
/// The nearest to `probability` of 2^16, but some elements are always kept.
SEQPE_HOST_DEVICE static inline std::uint32_t dropout_threshold(double probability) {
  const std::uint32_t halves = static_cast<std::uint32_t>(probability * 131072.0),
                      nearest = (halves + 1) / 2;
  return nearest < 65535 ? nearest : 65535;
}

}  // namespace seqpe

// Which elements dropout drops, as kernels/common/dropout_number.h defines it, from Philox alone.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/common/philox.h"

namespace seqpe::reference {

/// 0 or 1 / (1 - probability): eight elements share a block of seven rounds, 16 bits each.
inline double dropout_factor(const PhiloxKey& key, std::uint64_t element, double probability) {
  const PhiloxBlock block = philox<7>(key, element / 8);
  const std::uint32_t word = block.words[element % 8 / 2],
                      number = element % 2 == 0 ? word % 65536 : word / 65536;
  return number < std::round(probability * 65536) ? 0.0 : 1.0 / (1.0 - probability);
}

}  // namespace seqpe::reference

// Labels of a cross entropy as every kernel must take them.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cross_entropy.h"

namespace seqpe::test {

/// Labels at both ends of a row, between, and some ignored.
inline std::vector<std::int64_t> labels_of_every_kind(std::int64_t rows, std::int64_t cols) {
  std::vector<std::int64_t> labels;
  for (std::int64_t row = 0; row < rows; ++row)
    labels.push_back(row % 4 == 3   ? kernels::kIgnoreIndex
                     : row % 4 == 1 ? cols - 1
                                    : row * 5 % cols);
  return labels;
}

}  // namespace seqpe::test

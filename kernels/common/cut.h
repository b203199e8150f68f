// A side of a product cut for threads: pieces of whole units, as equal as those allow. Functions
// are `static inline`, so that no instruction set gets another's code.
#pragma once

#include <cstdint>

namespace seqpe::kernels {

struct Cut {
  std::int64_t length, unit, pieces;
};

static inline std::int64_t pieces_of(std::int64_t count, std::int64_t unit) {
  return (count + unit - 1) / unit;
}

/// At most `wanted` pieces, and no more than there are units.
static inline Cut cut_evenly(std::int64_t length, std::int64_t unit, std::int64_t wanted) {
  const std::int64_t units = pieces_of(length, unit);
  return {length, unit, units < wanted ? units : wanted};
}

/// Where a piece begins; of the number behind the last one the length.
static inline std::int64_t begin_of(const Cut& cut, std::int64_t piece) {
  const std::int64_t begin = pieces_of(cut.length, cut.unit) * piece / cut.pieces * cut.unit;
  return begin < cut.length ? begin : cut.length;
}

static inline std::int64_t size_of_piece(const Cut& cut, std::int64_t piece) {
  return begin_of(cut, piece + 1) - begin_of(cut, piece);
}

}  // namespace seqpe::kernels

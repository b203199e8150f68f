// Positions whose digits look like another's: the hard candidates of the contrastive loss (SeqPE,
// arXiv 2506.13277, section 3.3).
#pragma once

#include <cstdint>
#include <vector>

#include "engine/core/random.h"
#include "models/seqpe/position_space.h"

namespace seqpe::models {

/// Edits the digits of a position. In two dimensions those of row and column are joined, (12, 3) to
/// 123, and split again wherever both parts are integers of the space with no more digits than its
/// largest has: 1234 to (12, 34), 123 to (1, 23) or (12, 3), 7 to (7, 0) or (0, 7).
class DigitEdits {
 public:
  DigitEdits(const PositionSpace& space, std::int64_t base);

  /// The number of a position whose digits are those of position `number` after 1 to 3 edits: a
  /// digit inserted, deleted, swapped with another or replaced by another. An edit that changes
  /// nothing or does not lead to a position, a leading zero included, is made anew. Of several
  /// places to split each is as likely. In one dimension two edits may undo each other, in two they
  /// do not, as in the reference.
  std::int64_t edited(std::int64_t number, PhiloxGenerator& random) const;

 private:
  using Digits = std::vector<std::int64_t>;
  Digits digits_of(std::int64_t number) const;
  std::int64_t value_of(Digits::const_iterator begin, Digits::const_iterator end) const;
  std::vector<std::int64_t> numbers_of(const Digits& digits) const;

  PositionSpace space_;
  std::int64_t base_, axis_digits_;
};

}  // namespace seqpe::models

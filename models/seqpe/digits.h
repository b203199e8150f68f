// A position becomes a digit sequence (SeqPE, arXiv 2506.13277, section 3.1).
#pragma once

#include <cstdint>
#include <vector>

namespace seqpe::models {

/// P positions as S = dimensions * max_digits digits each, most significant first, left-padded with
/// the digit 0; the sequences of a position's dimensions follow one another.
struct DigitSequences {
  std::int64_t count = 0;              // P
  std::vector<std::int64_t> digits;    // [P, S]
  std::vector<std::uint8_t> pad_mask;  // [P, S], 0 = padding; the integer 0 has one real digit
};

/// Writes positions, `dimensions` integers each, in a row. Refuses (ConfigError) a position that is
/// negative or needs more than max_digits digits.
DigitSequences write_digits(const std::vector<std::int64_t>& positions, std::int64_t dimensions,
                            std::int64_t base, std::int64_t max_digits);

/// Positions of training along an axis: max_position in one dimension, floor(sqrt(max_position)) in
/// two, where max_position counts cells.
std::int64_t axis_extent(std::int64_t max_position, std::int64_t dimensions);

/// The digits that the largest integer of such an axis needs.
std::int64_t digits_needed(std::int64_t max_position, std::int64_t dimensions, std::int64_t base);

}  // namespace seqpe::models

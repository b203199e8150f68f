// What random crops and random erasing have in common: boxes of a random area and shape.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "engine/core/random.h"

namespace seqpe::data {

/// Areas are shares of the image's; a ratio is one side over the other.
struct BoxRange {
  double smallest_area, largest_area, smallest_ratio, largest_ratio;
};

/// Throws Error, which calls the range's owner `name`, unless 0 < smallest <= largest, areas at
/// most 1 and ratios finite.
void check_box_range(const BoxRange& range, std::string_view name);

/// The sides, in pixels, of a box of uniform area and log-uniform ratio: first / second. Both are
/// rounded, halves to even, and may be 0 or larger than the image.
std::pair<std::int64_t, std::int64_t> draw_box_sides(std::int64_t height, std::int64_t width,
                                                     const BoxRange& range,
                                                     PhiloxGenerator& generator);

}  // namespace seqpe::data

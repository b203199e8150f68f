#include "engine/data/random_box.h"

#include <algorithm>
#include <cmath>

#include "kernels/common/error.h"

namespace seqpe::data {
namespace {

double draw_between(double low, double high, PhiloxGenerator& generator) {
  return low + (high - low) * generator.uniform();
}

std::int64_t rounded(double side) {
  constexpr double beyond_any_image = 1e18;
  return static_cast<std::int64_t>(std::min(std::nearbyint(side), beyond_any_image));
}

}  // namespace

void check_box_range(const BoxRange& range, std::string_view name) {
  require(range.smallest_area > 0 && range.smallest_area <= range.largest_area &&
              range.largest_area <= 1,
          "[augmentation] {}: expected 0 < smallest area <= largest area <= 1, got {} and {}.",
          name, range.smallest_area, range.largest_area);
  require(range.smallest_ratio > 0 && range.smallest_ratio <= range.largest_ratio &&
              std::isfinite(range.largest_ratio),
          "[augmentation] {}: expected 0 < smallest ratio <= largest ratio, both finite, got {} "
          "and {}.",
          name, range.smallest_ratio, range.largest_ratio);
}

std::pair<std::int64_t, std::int64_t> draw_box_sides(std::int64_t height, std::int64_t width,
                                                     const BoxRange& range,
                                                     PhiloxGenerator& generator) {
  const double share = draw_between(range.smallest_area, range.largest_area, generator);
  const double area = share * static_cast<double>(height * width);
  const double ratio = std::exp(
      draw_between(std::log(range.smallest_ratio), std::log(range.largest_ratio), generator));
  return {rounded(std::sqrt(area * ratio)), rounded(std::sqrt(area / ratio))};
}

}  // namespace seqpe::data

#include "models/seqpe/position_space.h"

#include <fmt/format.h>

#include "models/seqpe/digits.h"

namespace seqpe::models {

PositionSpace::PositionSpace(std::int64_t max_position, std::int64_t dimensions)
    : max_position_(max_position),
      dimensions_(dimensions),
      side_(axis_extent(max_position, dimensions)) {}

Extent PositionSpace::window(std::int64_t side) const {
  return Extent(static_cast<std::size_t>(dimensions_), side);
}

Extent PositionSpace::starts_of(const Extent& extent) const {
  Extent starts;
  for (const std::int64_t size : extent) starts.push_back(side_ - size + 1);
  return starts;
}

std::int64_t PositionSpace::number_in(std::int64_t start, const Extent& extent,
                                      std::int64_t index) const {
  std::int64_t number = start, stride = 1;
  for (std::size_t axis = extent.size(); axis-- > 0; index /= extent[axis], stride *= side_) {
    number += index % extent[axis] * stride;
  }
  return number;
}

std::int64_t PositionSpace::squared_distance(std::int64_t a, std::int64_t b) const {
  std::int64_t sum = 0;
  for (std::int64_t axis = 0; axis < dimensions_; ++axis, a /= side_, b /= side_) {
    const std::int64_t difference = a % side_ - b % side_;
    sum += difference * difference;
  }
  return sum;
}

std::vector<std::int64_t> PositionSpace::coordinates(
    const std::vector<std::int64_t>& numbers) const {
  const Extent whole = window(side_);
  std::vector<std::int64_t> all;
  for (const std::int64_t number : numbers) {
    const std::vector<std::int64_t> one = place_in(whole, number);
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

std::string PositionSpace::name() const {
  if (dimensions_ == 1) return std::to_string(max_position_);
  return fmt::format("{} ({} x {} cells)", max_position_, side_, side_);
}

}  // namespace seqpe::models

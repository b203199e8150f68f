#include "models/seqpe/digits.h"

#include <cmath>

#include "kernels/common/error.h"

namespace seqpe::models {
namespace {

std::int64_t digit_count(std::int64_t value, std::int64_t base) {
  std::int64_t count = 1;
  for (; value >= base; value /= base) ++count;
  return count;
}

}  // namespace

DigitSequences write_digits(const std::vector<std::int64_t>& positions, std::int64_t dimensions,
                            std::int64_t base, std::int64_t max_digits) {
  require(static_cast<std::int64_t>(positions.size()) % dimensions == 0,
          "[seqpe] positions must come in groups of {} integers, got {}.", dimensions,
          positions.size());
  DigitSequences out;
  out.count = static_cast<std::int64_t>(positions.size()) / dimensions;
  out.digits.assign(positions.size() * static_cast<std::size_t>(max_digits), 0);
  out.pad_mask.assign(out.digits.size(), 0);
  for (std::size_t n = 0; n < positions.size(); ++n) {
    const std::int64_t position = positions[n];
    require<ConfigError>(position >= 0, "[seqpe] positions must be >= 0, got {}.", position);
    const std::int64_t needed = digit_count(position, base);
    require<ConfigError>(needed <= max_digits,
                         "[seqpe] position {} needs {} digits in base {}, seqpe.max_digits is {}. "
                         "Hint: train with a "
                         "larger seqpe.max_digits or evaluate at shorter lengths.",
                         position, needed, base, max_digits);
    std::int64_t rest = position;
    for (std::int64_t d = 0; d < needed; ++d, rest /= base) {
      const std::size_t place =
          (n + 1) * static_cast<std::size_t>(max_digits) - 1 - static_cast<std::size_t>(d);
      out.digits[place] = rest % base;
      out.pad_mask[place] = 1;
    }
  }
  return out;
}

std::int64_t axis_extent(std::int64_t max_position, std::int64_t dimensions) {
  if (dimensions == 1) return max_position;
  auto side = static_cast<std::int64_t>(std::sqrt(static_cast<double>(max_position)));
  while (side * side > max_position) --side;
  while ((side + 1) * (side + 1) <= max_position) ++side;
  return side;
}

std::int64_t digits_needed(std::int64_t max_position, std::int64_t dimensions, std::int64_t base) {
  const std::int64_t extent = axis_extent(max_position, dimensions);
  return digit_count(extent > 1 ? extent - 1 : 0, base);
}

}  // namespace seqpe::models

#include "engine/core/random.h"

#include <cmath>
#include <numbers>

namespace seqpe {

std::uint32_t PhiloxGenerator::next_u32() {
  if (next_ % 4 == 0) block_ = philox(key_, next_ / 4);
  return block_.words[next_++ % 4];
}

std::uint64_t PhiloxGenerator::next_u64() {
  const std::uint64_t high = next_u32();
  return high << 32 | next_u32();
}

double PhiloxGenerator::uniform() {
  return static_cast<double>(next_u64() >> 11) * 0x1p-53;
}

std::int64_t PhiloxGenerator::uniform_int(std::int64_t count) {
  const auto range = static_cast<std::uint64_t>(count);
  // Numbers below `bias` would favour small remainders: draw again.
  const std::uint64_t bias = (0 - range) % range;
  std::uint64_t draw = next_u64();
  while (draw < bias) draw = next_u64();
  return static_cast<std::int64_t>(draw % range);
}

double PhiloxGenerator::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  const double angle = 2.0 * std::numbers::pi * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

}  // namespace seqpe

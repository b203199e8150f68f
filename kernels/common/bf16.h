// bfloat16: the upper half of a float32, rounded to nearest even.
#pragma once

#include <cstdint>
#include <cstring>

namespace seqpe {

struct bf16 {
  std::uint16_t bits = 0;

  bf16() = default;
  explicit bf16(float value) : bits(round_to_nearest_even(value)) {}
  explicit operator float() const {
    const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &wide, sizeof value);
    return value;
  }

 private:
  static std::uint16_t round_to_nearest_even(float value) {
    std::uint32_t wide;
    std::memcpy(&wide, &value, sizeof wide);
    const bool is_nan = (wide & 0x7fffffffu) > 0x7f800000u;
    // A NaN whose payload sits in the lower half would round to infinity: keep it a quiet NaN.
    if (is_nan) return static_cast<std::uint16_t>((wide >> 16) | 0x0040u);
    const std::uint32_t rounding = 0x7fffu + ((wide >> 16) & 1u);
    return static_cast<std::uint16_t>((wide + rounding) >> 16);
  }
};
static_assert(sizeof(bf16) == 2);

}  // namespace seqpe

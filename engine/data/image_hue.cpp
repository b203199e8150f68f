#include "engine/data/image_hue.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace seqpe::data {
namespace {

using Bytes = std::array<std::uint8_t, 3>;

// Pillow's arithmetic: quotients of differences in float32, the rest in float64.

Bytes hsv_of_rgb(const Bytes& rgb) {
  const auto [red, green, blue] = rgb;
  const std::uint8_t smallest = std::min({red, green, blue}),
                     largest = std::max({red, green, blue});
  if (smallest == largest) return {0, 0, largest};
  const auto range = static_cast<float>(largest - smallest);
  const auto below = [&](std::uint8_t value) {
    return static_cast<float>(largest - value) / range;
  };
  float sixths = 0;  // of the circle, from red; in [-1, 5]
  if (red == largest) {
    sixths = below(blue) - below(green);
  } else if (green == largest) {
    sixths = static_cast<float>(2.0 + below(red) - below(blue));
  } else {
    sixths = static_cast<float>(4.0 + below(green) - below(red));
  }
  const auto hue = static_cast<float>(std::fmod(sixths / 6.0 + 1.0, 1.0));
  const float saturation = range / static_cast<float>(largest);
  return {static_cast<std::uint8_t>(hue * 255.0), static_cast<std::uint8_t>(saturation * 255.0),
          largest};
}

Bytes rgb_of_hsv(const Bytes& hsv) {
  const std::uint8_t hue = hsv[0], saturation = hsv[1], value = hsv[2];
  if (saturation == 0) return {value, value, value};
  const double sixths = static_cast<float>(hue) * 6.0 / 255.0;
  const int sector = static_cast<int>(sixths);  // 6 where the hue is 255, red again
  const auto fraction = static_cast<float>(sixths - sector);
  const auto strength = static_cast<float>(static_cast<float>(saturation) / 255.0);
  const auto weakened = [&](double by) {
    return static_cast<std::uint8_t>(std::round(value * (1.0 - by)));
  };
  const std::uint8_t low = weakened(strength);
  const std::uint8_t falling = weakened(static_cast<double>(strength * fraction));
  const std::uint8_t rising = weakened(strength * (1.0 - fraction));
  switch (sector % 6) {
    case 0:
      return {value, rising, low};
    case 1:
      return {falling, value, low};
    case 2:
      return {low, value, rising};
    case 3:
      return {low, falling, value};
    case 4:
      return {rising, low, value};
    default:
      return {value, low, falling};
  }
}

}  // namespace

Image adjust_hue(const Image& image, double turns) {
  require(turns >= -0.5 && turns <= 0.5,
          "[augmentation] hue: expected from -0.5 to 0.5 turns of the colour circle, got {}.",
          turns);
  const auto steps = static_cast<std::uint8_t>(static_cast<int>(255 * turns));  // modulo 256
  Image result = image;
  for (auto pixel = result.pixels.begin(); pixel != result.pixels.end(); pixel += Image::channels) {
    Bytes hsv = hsv_of_rgb({pixel[0], pixel[1], pixel[2]});
    hsv[0] = static_cast<std::uint8_t>(hsv[0] + steps);
    std::ranges::copy(rgb_of_hsv(hsv), pixel);
  }
  return result;
}

}  // namespace seqpe::data

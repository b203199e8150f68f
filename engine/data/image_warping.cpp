#include "engine/data/image_warping.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

namespace seqpe::data {
namespace {

constexpr std::size_t kChannels = Image::channels;

/// Pixels before, at and after a place along one axis, and how far it lies behind the second one.
struct Neighbors {
  std::array<std::size_t, 4> index;
  double fraction;
};

Neighbors neighbors_of(double place, std::int64_t count) {
  const double before = std::floor(place - 0.5);
  Neighbors neighbors{{}, place - 0.5 - before};
  for (std::size_t i = 0; i < 4; ++i) {
    const std::int64_t index = static_cast<std::int64_t>(before + static_cast<double>(i)) - 1;
    neighbors.index[i] = static_cast<std::size_t>(std::clamp<std::int64_t>(index, 0, count - 1));
  }
  return neighbors;
}

/// The cubic through `values[1]` and `values[2]` with slopes from their neighbours, a = -1.
double cubic_between(const std::array<double, 4>& values, double fraction) {
  const auto [v0, v1, v2, v3] = values;
  const double slope = -v0 + v2;
  const double square = 2 * (v0 - v1) + v2 - v3;
  const double cube = -v0 + v1 - v2 + v3;
  return v1 + fraction * (slope + fraction * (square + fraction * cube));
}

void interpolate(const Image& image, double x, double y, std::uint8_t* pixel) {
  const Neighbors columns = neighbors_of(x, image.width), rows = neighbors_of(y, image.height);
  for (std::size_t channel = 0; channel < kChannels; ++channel) {
    std::array<double, 4> across{};
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t row = rows.index[i] * static_cast<std::size_t>(image.width);
      std::array<double, 4> values{};
      for (std::size_t j = 0; j < 4; ++j)
        values[j] = image.pixels[(row + columns.index[j]) * kChannels + channel];
      across[i] = cubic_between(values, columns.fraction);
    }
    pixel[channel] =
        static_cast<std::uint8_t>(std::clamp(cubic_between(across, rows.fraction), 0.0, 255.0));
  }
}

/// To 15 decimals, to the nearest of them as printing finds it.
double rounded_to_15_decimals(double number) {
  std::array<char, 32> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed, 15);
  std::from_chars(text.data(), end.ptr, number);
  return number;
}

}  // namespace

Image warp_image(const Image& image, const AffineMap& map, const Color& fill) {
  const auto [xx, xy, x0, yx, yy, y0] = map;
  require(std::isfinite(xx) && std::isfinite(xy) && std::isfinite(x0) && std::isfinite(yx) &&
              std::isfinite(yy) && std::isfinite(y0),
          "[augmentation] warp: expected finite numbers, got ({}, {}, {}; {}, {}, {}).", xx, xy, x0,
          yx, yy, y0);
  Image result = image;
  std::uint8_t* pixel = result.pixels.data();
  for (std::int64_t row = 0; row < image.height; ++row) {
    for (std::int64_t column = 0; column < image.width; ++column, pixel += kChannels) {
      const double right = static_cast<double>(column) + 0.5, down = static_cast<double>(row) + 0.5;
      const double x = xx * right + xy * down + x0, y = yx * right + yy * down + y0;
      const bool inside = x >= 0 && x < static_cast<double>(image.width) && y >= 0 &&
                          y < static_cast<double>(image.height);
      if (inside) {
        interpolate(image, x, y, pixel);
      } else {
        std::ranges::copy(fill, pixel);
      }
    }
  }
  return result;
}

Image rotate_image(const Image& image, double degrees, const Color& fill) {
  require(std::isfinite(degrees), "[augmentation] rotate: expected a finite angle, got {}.",
          degrees);
  double turned = std::fmod(degrees, 360.0);
  if (turned < 0) turned += 360.0;  // as Pillow: the last bits of a cosine depend on it
  if (turned == 0) return image;
  const double angle = -(turned * (std::numbers::pi / 180.0));
  const double cosine = rounded_to_15_decimals(std::cos(angle));
  const double sine = rounded_to_15_decimals(std::sin(angle));
  const double x = static_cast<double>(image.width) / 2.0;
  const double y = static_cast<double>(image.height) / 2.0;
  // The middle stays: it is taken to the origin, turned, and back.
  return warp_image(image,
                    {cosine, sine, cosine * -x + sine * -y + x,  //
                     -sine, cosine, -sine * -x + cosine * -y + y},
                    fill);
}

}  // namespace seqpe::data

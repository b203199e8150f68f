#include "engine/data/image_warping.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numbers>
#include <vector>

namespace seqpe::data {
namespace {

constexpr std::size_t kChannels = Image::channels;

/// A pixel with a byte that fills it up to what one load takes.
using WidePixel = std::array<std::uint8_t, kChannels + 1>;

std::vector<WidePixel> widened(const Image& image) {
  std::vector<WidePixel> wide(static_cast<std::size_t>(image.height * image.width));
  const std::uint8_t* from = image.pixels.data();
  for (WidePixel& pixel : wide) {
    pixel = {from[0], from[1], from[2], 0};
    from += kChannels;
  }
  return wide;
}

/// Pixels before, at and after a place along one axis, and how far it lies behind the second one.
struct Neighbors {
  std::array<std::size_t, 4> index;
  double fraction;
};

Neighbors neighbors_of(double place, std::int64_t count) {
  const double offset = place - 0.5;
  auto before = static_cast<std::int64_t>(offset);  // std::floor takes longer
  if (offset < static_cast<double>(before)) --before;
  Neighbors neighbors{{}, offset - static_cast<double>(before)};
  for (std::size_t i = 0; i < 4; ++i) {
    const std::int64_t index = before + static_cast<std::int64_t>(i) - 1;
    neighbors.index[i] = static_cast<std::size_t>(std::clamp<std::int64_t>(index, 0, count - 1));
  }
  return neighbors;
}

/// The cubic through `v1` and `v2` with slopes from their neighbours, a = -1. Of bytes the
/// coefficients are small whole numbers, exact in any T.
template <typename T>
double cubic_between(T v0, T v1, T v2, T v3, double fraction) {
  const T slope = -v0 + v2;
  const T square = 2 * (v0 - v1) + v2 - v3;
  const T cube = -v0 + v1 - v2 + v3;
  return v1 + fraction * (slope + fraction * (square + fraction * cube));
}

/// Across in four rows at once, whose pixels lie behind each other in `values`, then down.
void interpolate(const std::vector<WidePixel>& wide, const Neighbors& columns,
                 const Neighbors& rows, std::int64_t width, std::uint8_t* pixel) {
  constexpr std::size_t kLanes = 4 * sizeof(WidePixel);
  std::array<std::array<std::uint8_t, kLanes>, 4> values;
  for (std::size_t i = 0; i < 4; ++i) {
    const WidePixel* const row = wide.data() + rows.index[i] * static_cast<std::size_t>(width);
    for (std::size_t j = 0; j < 4; ++j)
      std::memcpy(&values[j][i * sizeof(WidePixel)], row + columns.index[j], sizeof(WidePixel));
  }
  std::array<double, kLanes> across;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    across[lane] = cubic_between<std::int32_t>(values[0][lane], values[1][lane], values[2][lane],
                                               values[3][lane], columns.fraction);
  }
  for (std::size_t channel = 0; channel < kChannels; ++channel) {
    const auto in_row = [&](std::size_t i) { return across[i * sizeof(WidePixel) + channel]; };
    const double value = cubic_between(in_row(0), in_row(1), in_row(2), in_row(3), rows.fraction);
    pixel[channel] = static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
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
  const std::vector<WidePixel> wide = widened(image);
  Image result = make_image(image.height, image.width, "warped image");
  std::uint8_t* pixel = result.pixels.data();
  for (std::int64_t row = 0; row < image.height; ++row) {
    for (std::int64_t column = 0; column < image.width; ++column, pixel += kChannels) {
      const double right = static_cast<double>(column) + 0.5, down = static_cast<double>(row) + 0.5;
      const double x = xx * right + xy * down + x0, y = yx * right + yy * down + y0;
      const bool inside = x >= 0 && x < static_cast<double>(image.width) && y >= 0 &&
                          y < static_cast<double>(image.height);
      if (inside) {
        interpolate(wide, neighbors_of(x, image.width), neighbors_of(y, image.height), image.width,
                    pixel);
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

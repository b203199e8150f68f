// Images turned, sheared and shifted within their frame, as Pillow does it.
#pragma once

#include <array>
#include <cstdint>

#include "engine/data/image.h"

namespace seqpe::data {

using Color = std::array<std::uint8_t, Image::channels>;

/// Where a pixel of the result comes from: (x, y) of its centre to
/// (xx x + xy y + x0, yx x + yy y + y0), in pixels of the image.
struct AffineMap {
  double xx = 1, xy = 0, x0 = 0;
  double yx = 0, yy = 1, y0 = 0;
};

/// Interpolated by the cubic with a = -1 (not the -0.5 of resizing) between the 4 x 4 pixels
/// around, the border repeated, rounded down; `fill` where the place lies outside of the image.
/// Byte for byte Pillow's Image.transform by BICUBIC. Throws Error unless the map is finite.
Image warp_image(const Image& image, const AffineMap& map, const Color& fill);

/// Turned counterclockwise about the middle. Byte for byte Pillow's Image.rotate, whose matrix
/// holds 15 decimals; a whole number of turns copies. Throws Error unless the angle is finite.
Image rotate_image(const Image& image, double degrees, const Color& fill);

}  // namespace seqpe::data

// Brightness, contrast, saturation and sharpness of images, as Pillow's ImageEnhance changes them.
#pragma once

#include "engine/data/image.h"

namespace seqpe::data {

// Each mixes the image with one that lacks the property: d + factor * (x - d) for every byte x and
// its counterpart d, computed in float32, cut off to [0, 255] and rounded down. Factor 0 gives
// the image without the property, 1 the image as it is, above 1 more of it. Byte for byte
// Pillow's. They throw Error unless the factor is finite and at least 0.

/// d is black.
Image adjust_brightness(const Image& image, double factor);
/// d is the mean of the image's gray values, rounded.
Image adjust_contrast(const Image& image, double factor);
/// d is the pixel's gray value, (19595 R + 38470 G + 7471 B) / 2^16, rounded.
Image adjust_saturation(const Image& image, double factor);
/// d is the mean of the 3 x 3 pixels around, where the one in the middle counts five times,
/// rounded; x itself on the border of the image.
Image adjust_sharpness(const Image& image, double factor);

}  // namespace seqpe::data

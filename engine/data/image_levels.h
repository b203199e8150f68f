// Changes of images that look at one byte at a time: a table for every channel, as Pillow's
// ImageOps makes them.
#pragma once

#include "engine/data/image.h"

namespace seqpe::data {

/// Every channel stretched so that its smallest value becomes 0 and its largest 255: x to
/// x s - low s, s = 255 / (high - low), in float64, rounded down. A channel of one value stays.
Image auto_contrast_image(const Image& image);

/// Every channel's values spread evenly by its histogram, each to (count of smaller ones + step /
/// 2) / step, at most 255, where step = (pixels - count of the largest value) / 255; all rounded
/// down. A channel with one value or with step 0 stays.
Image equalize_image(const Image& image);

/// 255 - x.
Image invert_image(const Image& image);

/// The highest `bits` of every byte, the others 0. Throws Error unless 0 <= bits <= 8.
Image posterize_image(const Image& image, int bits);

/// 255 - x from `threshold` on. Throws Error unless 0 <= threshold <= 256.
Image solarize_image(const Image& image, int threshold);

/// Adds to the values below 128, at most to 255. Throws Error unless 0 <= added <= 255.
Image solarize_add_image(const Image& image, int added);

}  // namespace seqpe::data

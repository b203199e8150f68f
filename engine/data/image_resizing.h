// Images of another size, as Pillow makes them.
#pragma once

#include <cstdint>

#include "engine/data/image.h"

namespace seqpe::data {

enum class ResizeFilter : std::uint8_t { bilinear, bicubic };

/// Every pixel of the result is a weighted mean of those that it covers (antialiased): the filter,
/// triangle or cubic with a = -0.5, is widened by the reduction. Bit for bit Pillow's
/// Image.resize before version 13: horizontal pass first, rounded to bytes, then the vertical one.
/// Throws DataError if the result, or what the first pass gives, has not from 1 to kMaxImagePixels
/// pixels.
Image resize_image(const Image& image, std::int64_t height, std::int64_t width,
                   ResizeFilter filter);

}  // namespace seqpe::data

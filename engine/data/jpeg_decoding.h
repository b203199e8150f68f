// JPEG by libjpeg-turbo.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "engine/data/image.h"

namespace seqpe::data {

/// Slow integer inverse DCT and smooth ("fancy") chroma upsampling, as Pillow. Gray becomes RGB;
/// CMYK, taken to be stored inverted (as Adobe does), too. Throws DataError with `name` and the
/// reason, also where libjpeg would go on with invented pixels: in a file that ends early or whose
/// data are damaged.
Image decode_jpeg(std::span<const std::byte> bytes, const std::string& name);

}  // namespace seqpe::data

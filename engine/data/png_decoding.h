// PNG by libpng.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "engine/data/image.h"

namespace seqpe::data {

/// Gray and palettes become RGB, alpha is dropped without blending. Of 16 bits a channel the high
/// byte stays, but gray without alpha is cut off at 255, as Pillow does. Throws DataError with
/// `name` and the reason.
Image decode_png(std::span<const std::byte> bytes, const std::string& name);

}  // namespace seqpe::data

// The bytes of a JPEG or PNG file to an image.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "engine/data/image.h"

namespace seqpe::data {

/// `bytes` are a whole file, whose first ones tell JPEG from PNG whatever its name. The pixels are
/// Pillow's, converted to RGB; orientations in EXIF data are ignored. Throws DataError with `name`
/// and the reason.
Image decode_image(std::span<const std::byte> bytes, const std::string& name);

}  // namespace seqpe::data

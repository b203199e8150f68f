// Parts of images, and mirrored ones.
#pragma once

#include <cstdint>

#include "engine/data/image.h"

namespace seqpe::data {

/// In pixels; may reach beyond the image on any side.
struct Box {
  std::int64_t top = 0, left = 0, height = 0, width = 0;
};

/// The pixels in a box; black where it lies outside of the image. Throws DataError for a box of no
/// or of more than kMaxImagePixels pixels.
Image crop_image(const Image& image, const Box& box);

/// Left and right exchanged.
Image flip_image(const Image& image);

}  // namespace seqpe::data

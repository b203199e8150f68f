// An image in memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/common/error.h"
#include "kernels/common/image_number.h"

namespace seqpe::data {

struct Image {
  static constexpr std::int64_t channels = kImageChannels;
  std::int64_t height = 0, width = 0;
  std::vector<std::uint8_t> pixels;  // [H, W, 3]
};

/// As many as Pillow reads; a file of a few bytes may claim four thousand million.
inline constexpr std::int64_t kMaxImagePixels = 178'956'970;

/// Throws DataError, which calls the image `name`, unless both sides are at least 1 and their
/// product at most kMaxImagePixels.
inline void check_image_size(std::int64_t height, std::int64_t width, const std::string& name) {
  require<DataError>(height >= 1 && width >= 1 && height <= kMaxImagePixels / width,
                     "[image] {}: expected from 1 to {} pixels, got height {} and width {}.", name,
                     kMaxImagePixels, height, width);
}

/// A black image of a size that is checked as above.
inline Image make_image(std::int64_t height, std::int64_t width, const std::string& name) {
  check_image_size(height, width, name);
  Image image{height, width, {}};
  image.pixels.resize(static_cast<std::size_t>(height * width * Image::channels));
  return image;
}

}  // namespace seqpe::data

#include "engine/data/image_cropping.h"

#include <algorithm>

namespace seqpe::data {

Image crop_image(const Image& image, const Box& box) {
  Image crop = make_image(box.height, box.width, "crop");
  const std::int64_t first = std::max<std::int64_t>(box.left, 0);
  const std::int64_t end = std::min(box.left + box.width, image.width);
  for (std::int64_t y = std::max<std::int64_t>(box.top, 0);
       y < std::min(box.top + box.height, image.height) && first < end; ++y) {
    const auto from = image.pixels.begin() + (y * image.width + first) * Image::channels;
    const auto to =
        crop.pixels.begin() + ((y - box.top) * box.width + first - box.left) * Image::channels;
    std::copy_n(from, (end - first) * Image::channels, to);
  }
  return crop;
}

Image flip_image(const Image& image) {
  Image flipped = image;
  for (std::int64_t pixel = 0; pixel < image.height * image.width; ++pixel) {
    const std::int64_t mirrored = pixel + image.width - 1 - 2 * (pixel % image.width);
    std::copy_n(image.pixels.begin() + pixel * Image::channels, Image::channels,
                flipped.pixels.begin() + mirrored * Image::channels);
  }
  return flipped;
}

}  // namespace seqpe::data

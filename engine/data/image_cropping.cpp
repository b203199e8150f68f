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
  Image flipped = make_image(image.height, image.width, "flipped image");
  const std::uint8_t* from = image.pixels.data();
  std::uint8_t* row_end = flipped.pixels.data();
  for (std::int64_t y = 0; y < image.height; ++y) {
    row_end += image.width * Image::channels;
    std::uint8_t* to = row_end;
    for (std::int64_t x = 0; x < image.width; ++x, from += Image::channels) {
      to -= Image::channels;
      for (std::int64_t channel = 0; channel < Image::channels; ++channel)
        to[channel] = from[channel];
    }
  }
  return flipped;
}

}  // namespace seqpe::data

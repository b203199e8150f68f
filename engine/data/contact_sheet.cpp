#include "engine/data/contact_sheet.h"

#include <algorithm>

namespace seqpe::data {

Image contact_sheet(const std::vector<Image>& images, std::int64_t columns, std::int64_t gap) {
  require(!images.empty(), "[contact_sheet] needs at least one image, got none.");
  require(columns >= 1, "[contact_sheet] columns must be >= 1, got {}.", columns);
  require(gap >= 0, "[contact_sheet] gap must be >= 0, got {}.", gap);
  std::int64_t height = 0, width = 0;
  for (const Image& image : images) {
    height = std::max(height, image.height);
    width = std::max(width, image.width);
  }
  const auto count = static_cast<std::int64_t>(images.size());
  columns = std::min(columns, count);
  const std::int64_t rows = (count + columns - 1) / columns;
  Image sheet =
      make_image(gap + rows * (height + gap), gap + columns * (width + gap), "the contact sheet");
  std::fill(sheet.pixels.begin(), sheet.pixels.end(), std::uint8_t{255});
  for (std::int64_t i = 0; i < count; ++i) {
    const Image& image = images[static_cast<std::size_t>(i)];
    const std::int64_t top = gap + i / columns * (height + gap);
    const std::int64_t left = gap + i % columns * (width + gap);
    for (std::int64_t row = 0; row < image.height; ++row) {
      std::copy_n(image.pixels.begin() + row * image.width * Image::channels,
                  image.width * Image::channels,
                  sheet.pixels.begin() + ((top + row) * sheet.width + left) * Image::channels);
    }
  }
  return sheet;
}

}  // namespace seqpe::data

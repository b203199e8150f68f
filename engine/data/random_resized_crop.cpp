#include "engine/data/random_resized_crop.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "engine/data/image_resizing.h"

namespace seqpe::data {
namespace {

/// At least a pixel.
std::int64_t rounded(double side) {
  return std::max<std::int64_t>(std::llrint(side), 1);
}

Box box_in_the_middle(std::int64_t height, std::int64_t width, const BoxRange& range) {
  const auto tall = static_cast<double>(height), wide = static_cast<double>(width);
  Box box{0, 0, height, width};
  if (wide / tall < range.smallest_ratio) box.height = rounded(wide / range.smallest_ratio);
  if (wide / tall > range.largest_ratio) box.width = rounded(tall * range.largest_ratio);
  box.top = (height - box.height) / 2;
  box.left = (width - box.width) / 2;
  return box;
}

}  // namespace

RandomCrop draw_random_crop(std::int64_t height, std::int64_t width, const BoxRange& range,
                            PhiloxGenerator& generator) {
  check_box_range(range, "random crop");
  for (int attempt = 1; attempt <= kRandomCropAttempts; ++attempt) {
    Box box;
    std::tie(box.width, box.height) = draw_box_sides(height, width, range, generator);
    if (box.width < 1 || box.width > width || box.height < 1 || box.height > height) continue;
    box.top = generator.uniform_int(height - box.height + 1);
    box.left = generator.uniform_int(width - box.width + 1);
    return {box, attempt, true};
  }
  return {box_in_the_middle(height, width, range), kRandomCropAttempts, false};
}

Image resized_crop(const Image& image, const Box& box, std::int64_t size) {
  return resize_image(crop_image(image, box), size, size, ResizeFilter::bicubic);
}

}  // namespace seqpe::data

#include "engine/data/image_evaluation.h"

#include <algorithm>

#include "engine/data/image_resizing.h"

namespace seqpe::data {
namespace {

/// (side - size) / 2, halves to even.
std::int64_t center_offset(std::int64_t side, std::int64_t size) {
  const std::int64_t offset = (side - size) / 2;
  return (side - size) % 2 == 0 ? offset : offset + offset % 2;
}

}  // namespace

EvaluationGeometry evaluation_geometry(std::int64_t height, std::int64_t width, std::int64_t size) {
  const auto shorter = static_cast<std::int64_t>(256.0 / 224.0 * static_cast<double>(size));
  const auto scaled = [&](std::int64_t side) { return shorter * side / std::min(height, width); };
  EvaluationGeometry geometry{scaled(height), scaled(width), {}};
  geometry.crop = {center_offset(geometry.resized_height, size),
                   center_offset(geometry.resized_width, size), size, size};
  return geometry;
}

Image resize_and_crop_center(const Image& image, std::int64_t size) {
  const EvaluationGeometry geometry = evaluation_geometry(image.height, image.width, size);
  return crop_image(
      resize_image(image, geometry.resized_height, geometry.resized_width, ResizeFilter::bicubic),
      geometry.crop);
}

Image evaluation_image(const Image& image, std::int64_t size) {
  if (size > kLargestUncroppedSize) return resize_and_crop_center(image, size);
  require<DataError>(image.height == size && image.width == size,
                     "[image] evaluation at size {}: expected images of height and width {} "
                     "(they are resized at sizes above {} only), got height {} and width {}.",
                     size, size, kLargestUncroppedSize, image.height, image.width);
  return image;
}

}  // namespace seqpe::data

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

EvaluationSize covered_size(const EvaluationSize& size) {
  const auto enlarged = [](std::int64_t side) {
    return static_cast<std::int64_t>(256.0 / 224.0 * static_cast<double>(side));
  };
  return {enlarged(size.rows), enlarged(size.columns)};
}

EvaluationGeometry evaluation_geometry(std::int64_t height, std::int64_t width,
                                       const EvaluationSize& size) {
  const auto [rows, columns] = covered_size(size);
  EvaluationGeometry geometry;
  if (rows * width >= columns * height) {
    geometry.resized_height = rows;
    geometry.resized_width = rows * width / height;
  } else {
    geometry.resized_height = columns * height / width;
    geometry.resized_width = columns;
  }
  geometry.crop = {center_offset(geometry.resized_height, size.rows),
                   center_offset(geometry.resized_width, size.columns), size.rows, size.columns};
  return geometry;
}

Image resize_and_crop_center(const Image& image, const EvaluationSize& size) {
  const EvaluationGeometry geometry = evaluation_geometry(image.height, image.width, size);
  return crop_image(
      resize_image(image, geometry.resized_height, geometry.resized_width, ResizeFilter::bicubic),
      geometry.crop);
}

Image evaluation_image(const Image& image, const EvaluationSize& size) {
  if (std::max(size.rows, size.columns) > kLargestUncroppedSize)
    return resize_and_crop_center(image, size);
  require<DataError>(image.height == size.rows && image.width == size.columns,
                     "[image] evaluation at {} x {}: expected images of that height and width "
                     "(they are resized at sizes above {} only), got height {} and width {}.",
                     size.rows, size.columns, kLargestUncroppedSize, image.height, image.width);
  return image;
}

}  // namespace seqpe::data

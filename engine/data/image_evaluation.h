// From an image of any size to what a model is evaluated on.
#pragma once

#include <cstdint>

#include "engine/data/image.h"
#include "engine/data/image_cropping.h"

namespace seqpe::data {

/// Evaluation at a size scales the image so that its shorter side is int(256 / 224 * size) and the
/// longer one keeps the ratio, rounded down, then takes the box in the middle; half pixels round
/// to even offsets. Height and width are at least 1.
struct EvaluationGeometry {
  std::int64_t resized_height = 0, resized_width = 0;
  Box crop;  // [size, size]
};
EvaluationGeometry evaluation_geometry(std::int64_t height, std::int64_t width, std::int64_t size);

/// That box of the image, resized by the bicubic filter: [size, size, 3]. Throws DataError for an
/// image so long that the resized one would have more than kMaxImagePixels pixels.
Image resize_and_crop_center(const Image& image, std::int64_t size);

/// Sizes up to this one (small-image data sets, which come in it) are evaluated as they are.
inline constexpr std::int64_t kLargestUncroppedSize = 32;

/// What a model is evaluated on at `size`: [size, size, 3]. Up to kLargestUncroppedSize the image
/// must have that size (or DataError), above it is resized and cropped.
Image evaluation_image(const Image& image, std::int64_t size);

}  // namespace seqpe::data

// From an image of any size to what a model is evaluated on.
#pragma once

#include <cstdint>

#include "engine/data/image.h"
#include "engine/data/image_cropping.h"

namespace seqpe::data {

/// Of what a model is evaluated on.
struct EvaluationSize {
  std::int64_t rows = 0, columns = 0;
};
inline EvaluationSize square_size(std::int64_t size) {
  return {size, size};
}

/// int(256 / 224 * rows) x int(256 / 224 * columns): what a resized image covers, and at least as
/// many pixels as it has.
EvaluationSize covered_size(const EvaluationSize& size);

/// Scales the image, which keeps its ratio, so that it just covers covered_size: one side has that
/// length, the other one at least, rounded down. Then takes the box in the middle; half pixels
/// round to even offsets. For a square, as the reference has it: the shorter side becomes int(256 /
/// 224 * size). Height and width are at least 1.
struct EvaluationGeometry {
  std::int64_t resized_height = 0, resized_width = 0;
  Box crop;  // [rows, columns]
};
EvaluationGeometry evaluation_geometry(std::int64_t height, std::int64_t width,
                                       const EvaluationSize& size);

/// That box of the image, resized by the bicubic filter: [rows, columns, 3]. Throws DataError for
/// an image so long that the resized one would have more than kMaxImagePixels pixels.
Image resize_and_crop_center(const Image& image, const EvaluationSize& size);

/// Sizes with no side above this one (small-image data sets, which come in it) are evaluated as
/// they are.
inline constexpr std::int64_t kLargestUncroppedSize = 32;

/// What a model is evaluated on: [rows, columns, 3]. Up to kLargestUncroppedSize the image must
/// have that size (or DataError), above it is resized and cropped.
Image evaluation_image(const Image& image, const EvaluationSize& size);

}  // namespace seqpe::data

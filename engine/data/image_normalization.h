// Bytes of an image to the numbers that a model takes.
#pragma once

#include <array>

#include "engine/data/image.h"

namespace seqpe::data {

/// By channel, of values from 0 to 1.
struct ImageStatistics {
  std::array<float, Image::channels> mean, standard_deviation;
};

inline constexpr ImageStatistics kImageNetStatistics{{0.485F, 0.456F, 0.406F},
                                                     {0.229F, 0.224F, 0.225F}};

/// (x / 255 - mean) / standard deviation, each step rounded to float32: [H, W, 3] to [3, H, W].
/// `normalized` has room for 3 H W numbers.
void normalize_image(const Image& image, const ImageStatistics& statistics, float* normalized);

}  // namespace seqpe::data

// The part of an image that a model trains on: a random box, resized to the model's size
// (Szegedy et al., "Going deeper with convolutions", arXiv 1409.4842, section 6).
#pragma once

#include <cstdint>

#include "engine/core/random.h"
#include "engine/data/image.h"
#include "engine/data/image_cropping.h"
#include "engine/data/random_box.h"

namespace seqpe::data {

/// Ratios are width / height.
inline constexpr BoxRange kRandomCropRange{0.08, 1, 3.0 / 4, 4.0 / 3};

inline constexpr int kRandomCropAttempts = 10;

struct RandomCrop {
  Box box;
  int attempts = 1;    // from 1 to kRandomCropAttempts
  bool found = false;  // false: `box` is the largest one in the middle with an allowed ratio
};

/// Draws boxes, at most kRandomCropAttempts, until one fits into an image of height and width, and
/// that one's place, uniform. A box without a pixel does not fit. Throws Error for a wrong range
/// (check_box_range).
RandomCrop draw_random_crop(std::int64_t height, std::int64_t width, const BoxRange& range,
                            PhiloxGenerator& generator);

/// [size, size, 3]: the box, cut out, then resized by the bicubic filter.
Image resized_crop(const Image& image, const Box& box, std::int64_t size);

}  // namespace seqpe::data

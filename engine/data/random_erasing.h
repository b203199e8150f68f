// Random erasing (Zhong et al., arXiv 1708.04896): a box of a normalised image becomes noise.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/core/random.h"
#include "engine/data/image_cropping.h"
#include "engine/data/random_box.h"

namespace seqpe::data {

/// Ratios are height / width.
inline constexpr BoxRange kRandomErasingRange{0.02, 1.0 / 3, 0.3, 1 / 0.3};

inline constexpr int kRandomErasingAttempts = 10;

struct ErasingBox {
  Box box;           // inside of the image, smaller than it on both sides
  int attempts = 1;  // from 1 to kRandomErasingAttempts
};

/// With `probability` draws boxes, at most kRandomErasingAttempts, until one has both sides smaller
/// than the image of height and width, and then its place, uniform. None also if no box fits, or
/// the one that does has no pixel. Throws Error for a probability outside of [0, 1] or a wrong
/// range (check_box_range).
std::optional<ErasingBox> draw_erasing_box(std::int64_t height, std::int64_t width,
                                           double probability, const BoxRange& range,
                                           PhiloxGenerator& generator);

struct RandomErasing {
  Box box;
  std::vector<float> noise;  // [3, box.height, box.width]
};

/// Such a box with an N(0, 1) number for every pixel and channel.
std::optional<RandomErasing> draw_random_erasing(std::int64_t height, std::int64_t width,
                                                 double probability, const BoxRange& range,
                                                 PhiloxGenerator& generator);

/// Puts the noise into `planes`, [3, height, width]. Throws Error unless the box lies inside and
/// has as much noise as it needs.
void erase_box(const RandomErasing& erasing, std::int64_t height, std::int64_t width,
               float* planes);

}  // namespace seqpe::data

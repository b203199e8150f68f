// Random erasing (Zhong et al., arXiv 1708.04896): a box of a normalised image becomes noise,
// which is drawn where it is wanted (kernels/common/image_number.h).
#pragma once

#include <cstdint>
#include <optional>

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

}  // namespace seqpe::data

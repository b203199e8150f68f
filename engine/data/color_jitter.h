// Random changes of colour (torchvision's ColorJitter).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/core/random.h"
#include "engine/data/image.h"

namespace seqpe::data {

/// How far each property may go; 0 leaves it out.
struct ColorJitterOptions {
  double brightness = 0.4, contrast = 0.4, saturation = 0.4;  // factors in [max(0, 1 - x), 1 + x]
  double hue = 0;  // turns of the colour circle in [-x, x]; at most 0.5
};

enum class ColorProperty : std::uint8_t { brightness, contrast, saturation, hue };

struct ColorChange {
  ColorProperty property;
  double amount;  // a factor; of hue, turns
};

/// The changes of one image, in a uniformly random order, each amount uniform in its range. Throws
/// Error for an option that is negative or not finite, or a hue above 0.5.
std::vector<ColorChange> draw_color_jitter(const ColorJitterOptions& options,
                                           PhiloxGenerator& generator);

/// The changes one after the other; each rounds to bytes.
Image change_colors(const Image& image, const std::vector<ColorChange>& changes);

}  // namespace seqpe::data

#include "engine/data/color_jitter.h"

#include <algorithm>
#include <cmath>

#include "engine/data/image_adjustment.h"
#include "engine/data/image_hue.h"

namespace seqpe::data {
namespace {

Image change_color(const Image& image, const ColorChange& change) {
  switch (change.property) {
    case ColorProperty::brightness:
      return adjust_brightness(image, change.amount);
    case ColorProperty::contrast:
      return adjust_contrast(image, change.amount);
    case ColorProperty::saturation:
      return adjust_saturation(image, change.amount);
    default:
      return adjust_hue(image, change.amount);
  }
}

}  // namespace

std::vector<ColorChange> draw_color_jitter(const ColorJitterOptions& options,
                                           PhiloxGenerator& generator) {
  std::vector<ColorChange> changes;
  const auto draw_factor = [&](ColorProperty property, std::string_view name, double spread) {
    require(std::isfinite(spread) && spread >= 0,
            "[augmentation] color jitter, {}: expected a finite number >= 0, got {}.", name,
            spread);
    const double low = std::max(1 - spread, 0.0), high = 1 + spread;
    if (spread > 0) changes.push_back({property, low + (high - low) * generator.uniform()});
  };
  draw_factor(ColorProperty::brightness, "brightness", options.brightness);
  draw_factor(ColorProperty::contrast, "contrast", options.contrast);
  draw_factor(ColorProperty::saturation, "saturation", options.saturation);
  require(options.hue >= 0 && options.hue <= 0.5,
          "[augmentation] color jitter, hue: expected from 0 to 0.5, got {}.", options.hue);
  if (options.hue > 0)
    changes.push_back({ColorProperty::hue, options.hue * (2 * generator.uniform() - 1)});
  generator.shuffle(std::span(changes));
  return changes;
}

Image change_colors(const Image& image, const std::vector<ColorChange>& changes) {
  Image changed = image;
  for (const ColorChange& change : changes) changed = change_color(changed, change);
  return changed;
}

}  // namespace seqpe::data

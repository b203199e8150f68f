#include "engine/data/random_erasing.h"

#include <tuple>

namespace seqpe::data {

std::optional<ErasingBox> draw_erasing_box(std::int64_t height, std::int64_t width,
                                           double probability, const BoxRange& range,
                                           PhiloxGenerator& generator) {
  check_box_range(range, "random erasing");
  require(probability >= 0 && probability <= 1,
          "[augmentation] random erasing: expected a probability from 0 to 1, got {}.",
          probability);
  if (generator.uniform() >= probability) return std::nullopt;
  for (int attempt = 1; attempt <= kRandomErasingAttempts; ++attempt) {
    Box box;
    std::tie(box.height, box.width) = draw_box_sides(height, width, range, generator);
    if (box.height >= height || box.width >= width) continue;
    if (box.height == 0 || box.width == 0) return std::nullopt;
    box.top = generator.uniform_int(height - box.height + 1);
    box.left = generator.uniform_int(width - box.width + 1);
    return ErasingBox{box, attempt};
  }
  return std::nullopt;
}

}  // namespace seqpe::data

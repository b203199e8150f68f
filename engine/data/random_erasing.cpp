#include "engine/data/random_erasing.h"

#include <algorithm>
#include <tuple>

namespace seqpe::data {
namespace {

/// For every channel.
std::int64_t noise_count(const Box& box) {
  return Image::channels * box.height * box.width;
}

}  // namespace

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

std::optional<RandomErasing> draw_random_erasing(std::int64_t height, std::int64_t width,
                                                 double probability, const BoxRange& range,
                                                 PhiloxGenerator& generator) {
  const auto drawn = draw_erasing_box(height, width, probability, range, generator);
  if (!drawn) return std::nullopt;
  RandomErasing erasing{drawn->box, {}};
  erasing.noise.resize(static_cast<std::size_t>(noise_count(erasing.box)));
  for (float& number : erasing.noise) number = static_cast<float>(generator.normal());
  return erasing;
}

void erase_box(const RandomErasing& erasing, std::int64_t height, std::int64_t width,
               float* planes) {
  const Box& box = erasing.box;
  require(box.top >= 0 && box.left >= 0 && box.height >= 0 && box.width >= 0 &&
              box.top + box.height <= height && box.left + box.width <= width,
          "[augmentation] random erasing: expected a box inside of height {} and width {}, got top "
          "{}, left {}, height {}, width {}.",
          height, width, box.top, box.left, box.height, box.width);
  const std::int64_t needed = noise_count(box);
  require(static_cast<std::int64_t>(erasing.noise.size()) == needed,
          "[augmentation] random erasing: expected noise for 3 channels, height {} and width {}, "
          "{} numbers, got {}.",
          box.height, box.width, needed, erasing.noise.size());
  const float* noise = erasing.noise.data();
  for (std::int64_t channel = 0; channel < Image::channels; ++channel) {
    for (std::int64_t y = box.top; y < box.top + box.height; ++y, noise += box.width)
      std::copy_n(noise, box.width, planes + (channel * height + y) * width + box.left);
  }
}

}  // namespace seqpe::data

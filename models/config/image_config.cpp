#include "models/config/image_config.h"

#include <fmt/format.h>

#include <charconv>

namespace seqpe::models {

data::ImageTrainingOptions AugmentConfig::training_options(std::int64_t size) const {
  data::ImageTrainingOptions options{
      .size = size,
      .crop = {crop_scale[0], crop_scale[1], crop_ratio[0], crop_ratio[1]},
      .padding = pad,
      .flip_probability = flip,
      .rand_augment = std::nullopt,
      .color_jitter = std::nullopt,
      .erasing_probability = erasing};
  if (rand_augment.operations > 0) {
    options.rand_augment = {.operations = rand_augment.operations,
                            .probability = rand_augment.probability,
                            .magnitude = rand_augment.magnitude,
                            .deviation = rand_augment.deviation};
  }
  if (color_jitter > 0) {
    options.color_jitter = {
        .brightness = color_jitter, .contrast = color_jitter, .saturation = color_jitter};
  }
  return options;
}

std::optional<data::MixupOptions> AugmentConfig::mixup_options() const {
  if (mixup == 0 && cutmix == 0) return std::nullopt;
  return data::MixupOptions{
      .mixup_alpha = mixup, .cutmix_alpha = cutmix, .cutmix_probability = switch_probability};
}

std::optional<data::EvaluationSize> image_size_of(const std::string& text) {
  data::EvaluationSize size;
  const char *at = text.data(), *const end = at + text.size();
  const auto number = [&](std::int64_t& value) {
    const auto [next, error] = std::from_chars(at, end, value);
    at = next;
    return error == std::errc() && value >= 1 && value <= data::kMaxImagePixels;
  };
  if (!number(size.rows)) return std::nullopt;
  size.columns = size.rows;
  if (at == end) return size;
  if (*at++ != 'x' || !number(size.columns) || at != end) return std::nullopt;
  return size;
}

std::string text_of(const data::EvaluationSize& size) {
  return size.rows == size.columns ? fmt::format("{}", size.rows)
                                   : fmt::format("{}x{}", size.rows, size.columns);
}

}  // namespace seqpe::models

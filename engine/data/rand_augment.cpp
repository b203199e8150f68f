#include "engine/data/rand_augment.h"

#include <algorithm>
#include <cmath>

#include "engine/data/image_adjustment.h"
#include "engine/data/image_levels.h"

namespace seqpe::data {
namespace {

constexpr double kLargestMagnitude = 10;

[[noreturn]] void throw_unknown(AugmentOperation operation) {
  throw Error(fmt::format("[augmentation] RandAugment: expected an operation below {}, got {}.",
                          kAugmentOperations, static_cast<int>(operation)));
}

Image augment(const Image& image, const AugmentStep& step, const Color& fill) {
  const double argument = augment_argument(step);
  const auto whole = [&] { return static_cast<int>(argument); };
  switch (step.operation) {
    case AugmentOperation::auto_contrast:
      return auto_contrast_image(image);
    case AugmentOperation::equalize:
      return equalize_image(image);
    case AugmentOperation::invert:
      return invert_image(image);
    case AugmentOperation::rotate:
      return rotate_image(image, argument, fill);
    case AugmentOperation::posterize:
      return posterize_image(image, whole());
    case AugmentOperation::solarize:
      return solarize_image(image, whole());
    case AugmentOperation::solarize_add:
      return solarize_add_image(image, whole());
    case AugmentOperation::saturation:
      return adjust_saturation(image, argument);
    case AugmentOperation::contrast:
      return adjust_contrast(image, argument);
    case AugmentOperation::brightness:
      return adjust_brightness(image, argument);
    case AugmentOperation::sharpness:
      return adjust_sharpness(image, argument);
    case AugmentOperation::shear_x:
      return warp_image(image, {.xy = argument}, fill);
    case AugmentOperation::shear_y:
      return warp_image(image, {.yx = argument}, fill);
    case AugmentOperation::translate_x:
      return warp_image(image, {.x0 = argument * static_cast<double>(image.width)}, fill);
    case AugmentOperation::translate_y:
      return warp_image(image, {.y0 = argument * static_cast<double>(image.height)}, fill);
  }
  throw_unknown(step.operation);
}

void check_options(const RandAugmentOptions& options) {
  require(options.operations >= 0, "[augmentation] RandAugment: expected operations >= 0, got {}.",
          options.operations);
  require(options.probability >= 0 && options.probability <= 1,
          "[augmentation] RandAugment: expected a probability from 0 to 1, got {}.",
          options.probability);
  require(options.magnitude >= 0 && options.magnitude <= kLargestMagnitude,
          "[augmentation] RandAugment: expected a magnitude from 0 to {}, got {}.",
          kLargestMagnitude, options.magnitude);
  require(std::isfinite(options.deviation) && options.deviation >= 0,
          "[augmentation] RandAugment: expected a finite deviation >= 0, got {}.",
          options.deviation);
}

}  // namespace

double augment_argument(const AugmentStep& step) {
  require(step.magnitude >= 0 && step.magnitude <= kLargestMagnitude,
          "[augmentation] RandAugment: expected a magnitude from 0 to {}, got {}.",
          kLargestMagnitude, step.magnitude);
  const double level = step.magnitude / kLargestMagnitude;
  const double signed_level = step.negated ? -level : level;
  switch (step.operation) {
    case AugmentOperation::rotate:
      return signed_level * 30;
    case AugmentOperation::posterize:
      return 4 - std::floor(level * 4);
    case AugmentOperation::solarize:
      return 256 - std::floor(level * 256);
    case AugmentOperation::solarize_add:
      return std::floor(level * 110);
    case AugmentOperation::saturation:
    case AugmentOperation::contrast:
    case AugmentOperation::brightness:
    case AugmentOperation::sharpness:
      return std::max(0.1, 1 + signed_level * 0.9);
    case AugmentOperation::shear_x:
    case AugmentOperation::shear_y:
      return signed_level * 0.3;
    case AugmentOperation::translate_x:
    case AugmentOperation::translate_y:
      return signed_level * 0.45;
    case AugmentOperation::auto_contrast:
    case AugmentOperation::equalize:
    case AugmentOperation::invert:
      return 0;
  }
  throw_unknown(step.operation);
}

std::vector<AugmentStep> draw_rand_augment(const RandAugmentOptions& options,
                                           PhiloxGenerator& generator) {
  check_options(options);
  std::vector<AugmentStep> steps;
  for (std::int64_t i = 0; i < options.operations; ++i) {
    const auto operation = static_cast<AugmentOperation>(generator.uniform_int(kAugmentOperations));
    if (generator.uniform() >= options.probability) continue;
    const double magnitude = options.magnitude + options.deviation * generator.normal();
    const bool negated = generator.uniform() < 0.5;
    steps.push_back({operation, std::clamp(magnitude, 0.0, kLargestMagnitude), negated});
  }
  return steps;
}

Image rand_augment_image(const Image& image, const std::vector<AugmentStep>& steps,
                         const Color& fill) {
  Image augmented = image;
  for (const AugmentStep& step : steps) augmented = augment(augmented, step, fill);
  return augmented;
}

}  // namespace seqpe::data

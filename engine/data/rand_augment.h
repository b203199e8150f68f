// RandAugment (Cubuk et al., arXiv 1909.13719): a few operations at random, of a common strength.
// The operations and what a magnitude means are timm's rand-m9-mstd0.5-inc1.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/core/random.h"
#include "engine/data/image.h"
#include "engine/data/image_warping.h"

namespace seqpe::data {

enum class AugmentOperation : std::uint8_t {
  auto_contrast,
  equalize,
  invert,
  rotate,
  posterize,
  solarize,
  solarize_add,
  saturation,
  contrast,
  brightness,
  sharpness,
  shear_x,
  shear_y,
  translate_x,
  translate_y
};
inline constexpr std::int64_t kAugmentOperations =
    static_cast<std::int64_t>(AugmentOperation::translate_y) + 1;

/// One operation as it was drawn.
struct AugmentStep {
  AugmentOperation operation;
  double magnitude = 0;  // in [0, 10]; 10 changes most
  bool negated = false;  // to the other side, where an operation has two
};

/// What the operation gets at a magnitude m:
///   rotate                3 m degrees
///   posterize             4 - int(0.4 m) bits are kept
///   solarize              256 - int(25.6 m), the threshold
///   solarize_add          int(11 m)
///   saturation, contrast,
///   brightness, sharpness the factor max(0.1, 1 + 0.09 m)
///   shear_x, shear_y      0.03 m, by how much a pixel moves for every pixel to the other axis
///   translate_x, _y       0.045 m, of the side
/// with -m for m where negated, except in the three above that have whole numbers; 0 for the
/// operations without one. Throws Error unless the operation is one of these
/// and the magnitude from 0 to 10.
double augment_argument(const AugmentStep& step);

struct RandAugmentOptions {
  std::int64_t operations = 2;
  double probability = 0.5;  // of each to be applied
  double magnitude = 9;      // mean and
  double deviation = 0.5;    // standard deviation of a normal distribution, cut off to [0, 10]
};

/// The steps of one image: as many operations as the options tell, uniform with replacement, of
/// which each is left out with 1 - probability; each of its own magnitude, negated by a fair coin.
/// Throws Error for options out of range.
std::vector<AugmentStep> draw_rand_augment(const RandAugmentOptions& options,
                                           PhiloxGenerator& generator);

/// ImageNet's mean colour: what the reference fills corners with that come from outside.
inline constexpr Color kImageNetMeanColor{124, 116, 104};

/// The steps one after the other; byte for byte Pillow's.
Image rand_augment_image(const Image& image, const std::vector<AugmentStep>& steps,
                         const Color& fill = kImageNetMeanColor);

}  // namespace seqpe::data

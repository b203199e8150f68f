// What the configuration says of images.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/data/image_evaluation.h"
#include "engine/data/image_training.h"
#include "engine/data/mixup.h"

namespace seqpe::models {

/// The section `data.augment`. The defaults are the published image recipe's.
struct AugmentConfig {
  struct RandAugment {
    std::int64_t operations = 2;  // 0: none
    double magnitude = 9.0, deviation = 0.5, probability = 0.5;
  };
  std::vector<double> crop_scale{0.08, 1.0}, crop_ratio{3.0 / 4.0, 4.0 / 3.0};
  std::int64_t pad = 4;
  double flip = 0.5;
  double color_jitter = 0.0;
  RandAugment rand_augment;
  double erasing = 0.25;
  double mixup = 0.8, cutmix = 1.0, switch_probability = 0.5;
  double label_smoothing = 0.1;

  data::ImageTrainingOptions training_options(std::int64_t size) const;
  /// None where neither is on.
  std::optional<data::MixupOptions> mixup_options() const;
};

/// "384" or "384x512" (rows x columns, in pixels); nothing for any other text.
std::optional<data::EvaluationSize> image_size_of(const std::string& text);
std::string text_of(const data::EvaluationSize& size);

}  // namespace seqpe::models

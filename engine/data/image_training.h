// From an image of any size to what a model is trained on: crop, flip, changes of content; what
// comes then is left to the model's device. First everything random is drawn, then it is done, so
// the same draws give the same bits.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/core/random.h"
#include "engine/data/color_jitter.h"
#include "engine/data/image_cropping.h"
#include "engine/data/rand_augment.h"
#include "engine/data/random_erasing.h"
#include "engine/data/random_resized_crop.h"
#include "kernels/image_batch.h"

namespace seqpe::data {

/// As the published image models were trained; std::nullopt leaves a change out.
struct ImageTrainingOptions {
  std::int64_t size = 224;  // of the result, height and width
  BoxRange crop = kRandomCropRange;
  /// Images of at most kLargestUncroppedSize come in their size and are not resized: their crop is
  /// a box of that size at a random place of the image with so many black pixels around it.
  std::int64_t padding = 4;
  double flip_probability = 0.5;
  std::optional<RandAugmentOptions> rand_augment = RandAugmentOptions{};
  /// Drawn only without RandAugment, as timm does.
  std::optional<ColorJitterOptions> color_jitter = ColorJitterOptions{};
  double erasing_probability = 0.25;
  BoxRange erasing = kRandomErasingRange;
};

/// Everything random about one image in one epoch.
struct ImageTrainingDraws {
  Box crop;  // of the image as it is; beyond it is black
  bool flip = false;
  std::vector<AugmentStep> rand_augment;
  std::vector<ColorChange> color_changes;
  std::optional<ErasingBox> erasing;
};

/// The random numbers of image number `index` of the data set when it is seen in `epoch`: a
/// function of these and `seed` alone, whichever thread or rank asks.
PhiloxGenerator image_training_generator(std::uint64_t seed, std::uint32_t epoch,
                                         std::uint64_t index);
/// The key of its noise, likewise.
PhiloxKey image_noise_key(std::uint64_t seed, std::uint32_t epoch, std::uint64_t index);

/// For an image of height and width. Throws Error for options out of range, DataError for an image
/// of another size than `options.size` where that is at most kLargestUncroppedSize.
ImageTrainingDraws draw_image_training(std::int64_t height, std::int64_t width,
                                       const ImageTrainingOptions& options,
                                       PhiloxGenerator& generator);

/// Crop, resize, flip, RandAugment, changes of colour: [size, size, 3].
Image training_image(const Image& image, std::int64_t size, const ImageTrainingDraws& draws);

/// The bytes of an image and what is left to do on the model's device (kernels/image_batch.h), all
/// together training_image, normalised and erased. Without changes of content that is also the flip
/// and, of an image that is not resized, the crop.
struct PreparedImage {
  Image image;  // [size, size, 3]
  kernels::ImagePlacement placement;
};
PreparedImage prepare_image(const Image& image, std::int64_t size, const ImageTrainingDraws& draws,
                            const PhiloxKey& noise);

}  // namespace seqpe::data

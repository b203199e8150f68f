#include "engine/data/image_training.h"

#include "engine/core/stream_id.h"
#include "engine/data/image_evaluation.h"

namespace seqpe::data {
namespace {

Box draw_crop(std::int64_t height, std::int64_t width, const ImageTrainingOptions& options,
              PhiloxGenerator& generator) {
  const std::int64_t size = options.size;
  if (size > kLargestUncroppedSize)
    return draw_random_crop(height, width, options.crop, generator).box;
  require<DataError>(height == size && width == size,
                     "[augmentation] training at size {}: expected images of height and width {} "
                     "(they are resized at sizes above {} only), got height {} and width {}.",
                     size, size, kLargestUncroppedSize, height, width);
  const auto draw_offset = [&] {
    return generator.uniform_int(2 * options.padding + 1) - options.padding;
  };
  const std::int64_t top = draw_offset(), left = draw_offset();
  return {top, left, size, size};
}

}  // namespace

PhiloxGenerator image_training_generator(std::uint64_t seed, std::uint32_t epoch,
                                         std::uint64_t index) {
  // A key has no room for a third number: one block of the epoch's stream is the image's own key.
  const auto [words] =
      philox({.seed = seed, .stream = stream_id("image_training"), .step = epoch}, index);
  const std::uint64_t high = words[0];
  return PhiloxGenerator({.seed = high << 32 | words[1], .stream = words[2], .step = words[3]});
}

ImageTrainingDraws draw_image_training(std::int64_t height, std::int64_t width,
                                       const ImageTrainingOptions& options,
                                       PhiloxGenerator& generator) {
  require(options.size >= 1, "[augmentation] training: expected a size >= 1, got {}.",
          options.size);
  require(options.padding >= 0, "[augmentation] training: expected a padding >= 0, got {}.",
          options.padding);
  require(options.flip_probability >= 0 && options.flip_probability <= 1,
          "[augmentation] training: expected a probability of flipping from 0 to 1, got {}.",
          options.flip_probability);
  ImageTrainingDraws draws;
  draws.crop = draw_crop(height, width, options, generator);
  draws.flip = generator.uniform() < options.flip_probability;
  if (options.rand_augment) {
    draws.rand_augment = draw_rand_augment(*options.rand_augment, generator);
  } else if (options.color_jitter) {
    draws.color_changes = draw_color_jitter(*options.color_jitter, generator);
  }
  draws.erasing = draw_random_erasing(options.size, options.size, options.erasing_probability,
                                      options.erasing, generator);
  return draws;
}

Image training_image(const Image& image, std::int64_t size, const ImageTrainingDraws& draws) {
  Image result = resized_crop(image, draws.crop, size);
  if (draws.flip) result = flip_image(result);
  return change_colors(rand_augment_image(result, draws.rand_augment), draws.color_changes);
}

void training_planes(const Image& image, std::int64_t size, const ImageTrainingDraws& draws,
                     const ImageStatistics& statistics, float* planes) {
  normalize_image(training_image(image, size, draws), statistics, planes);
  if (draws.erasing) erase_box(*draws.erasing, size, size, planes);
}

}  // namespace seqpe::data

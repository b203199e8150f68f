#include "engine/data/image_training.h"

#include <algorithm>
#include <string_view>

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

PhiloxKey key_of_image(std::string_view name, std::uint64_t seed, std::uint32_t epoch,
                       std::uint64_t index) {
  // A key has no room for a third number: one block of the epoch's stream is the image's own key.
  const auto [words] = philox({.seed = seed, .stream = stream_id(name), .step = epoch}, index);
  const std::uint64_t high = words[0];
  return {.seed = high << 32 | words[1], .stream = words[2], .step = words[3]};
}

bool is_square(std::int64_t height, std::int64_t width, std::int64_t size) {
  return height == size && width == size;
}

}  // namespace

PhiloxGenerator image_training_generator(std::uint64_t seed, std::uint32_t epoch,
                                         std::uint64_t index) {
  return PhiloxGenerator(key_of_image("image_training", seed, epoch, index));
}

PhiloxKey image_noise_key(std::uint64_t seed, std::uint32_t epoch, std::uint64_t index) {
  return key_of_image("image_noise", seed, epoch, index);
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
  draws.erasing = draw_erasing_box(options.size, options.size, options.erasing_probability,
                                   options.erasing, generator);
  return draws;
}

Image training_image(const Image& image, std::int64_t size, const ImageTrainingDraws& draws) {
  Image result = resized_crop(image, draws.crop, size);
  if (draws.flip) result = flip_image(result);
  return change_colors(rand_augment_image(result, draws.rand_augment), draws.color_changes);
}

PreparedImage prepare_image(const Image& image, std::int64_t size, const ImageTrainingDraws& draws,
                            const PhiloxKey& noise) {
  PreparedImage prepared;
  kernels::ImagePlacement& placement = prepared.placement;
  if (!draws.rand_augment.empty() || !draws.color_changes.empty()) {
    prepared.image = training_image(image, size, draws);
  } else {
    placement.flipped = draws.flip ? 1 : 0;
    if (is_square(image.height, image.width, size) &&
        is_square(draws.crop.height, draws.crop.width, size)) {
      prepared.image = image;
      // A crop that is further off is as black.
      placement.top = static_cast<std::int32_t>(std::clamp(draws.crop.top, -size, size));
      placement.left = static_cast<std::int32_t>(std::clamp(draws.crop.left, -size, size));
    } else {
      prepared.image = resized_crop(image, draws.crop, size);
    }
  }
  if (!draws.erasing) return prepared;
  const Box& box = draws.erasing->box;
  placement.erased_top = static_cast<std::int32_t>(box.top);
  placement.erased_left = static_cast<std::int32_t>(box.left);
  placement.erased_height = static_cast<std::int32_t>(box.height);
  placement.erased_width = static_cast<std::int32_t>(box.width);
  placement.noise_seed_low = static_cast<std::uint32_t>(noise.seed);
  placement.noise_seed_high = static_cast<std::uint32_t>(noise.seed >> 32);
  placement.noise_stream = noise.stream;
  placement.noise_step = noise.step;
  return prepared;
}

}  // namespace seqpe::data

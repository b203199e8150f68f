// A batch of images from bytes to what a model takes: a window of each, flipped, normalised, a box
// of it erased, then mixed with its partner. What only a CPU does to an image was done before.
#pragma once

#include <cstdint>

#include "kernels/common/dtype.h"
#include "kernels/common/image_number.h"
#include "kernels/common/kernel.h"

namespace seqpe::kernels {

/// What becomes of an image, in pixels.
struct ImagePlacement {
  std::int32_t top = 0, left = 0;  // of the window, in the image; black where it lies beyond
  std::int32_t flipped = 0;        // 1: left and right of the window are exchanged
  // A box of the window, flipped or not, that becomes noise: pixel number y * erased_width + x of
  // it by image_noise.
  std::int32_t erased_top = 0, erased_left = 0, erased_height = 0, erased_width = 0;
  std::uint32_t noise_seed_low = 0, noise_seed_high = 0, noise_stream = 0, noise_step = 0;
};

/// What becomes of the pairs of a batch. In the box, which may be empty, pixels come from the
/// partner; elsewhere they are own_share * own + partner_share * partner, products and sum rounded
/// to float32, or stay as they are if partner_share is 0.
struct ImageMix {
  float own_share = 1, partner_share = 0;
  std::int32_t top = 0, left = 0, height = 0, width = 0;
};

/// The image that an image is mixed with: images 0 and 1 are a pair, 2 and 3, and so on, so that
/// any even part of a batch holds whole pairs. The last one of an odd batch stays as it is.
SEQPE_HOST_DEVICE static inline std::int64_t partner_of(std::int64_t image, std::int64_t batch) {
  const std::int64_t partner = image ^ 1;
  return partner < batch ? partner : image;
}

/// The window is as large as the image.
struct ImageBatchArgs {
  float* out = nullptr;                        // [batch, 3, height, width]
  const std::uint8_t* images = nullptr;        // [batch, height, width, 3]
  const ImagePlacement* placements = nullptr;  // [batch]
  const ImageMix* mix = nullptr;               // one
  std::int64_t batch = 0, height = 0, width = 0;
  // By channel, of values from 0 to 1.
  float mean[kImageChannels] = {}, standard_deviation[kImageChannels] = {1, 1, 1};
};

/// The key of an image's noise.
SEQPE_HOST_DEVICE static inline PhiloxKey noise_key(const ImagePlacement& placement) {
  const std::uint64_t high = placement.noise_seed_high;
  return {high << 32 | placement.noise_seed_low, placement.noise_stream, placement.noise_step};
}

/// Whether row or column `place` lies in the `size` from `begin` on. Whatever the numbers are.
SEQPE_HOST_DEVICE static inline bool lies_in(std::int64_t place, std::int32_t begin,
                                             std::int32_t size) {
  return place >= begin && place < static_cast<std::int64_t>(begin) + size;
}

SEQPE_KERNEL_DECLARE(image_batch, ImageBatchArgs)

}  // namespace seqpe::kernels

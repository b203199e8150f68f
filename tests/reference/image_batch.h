// The parts of a batch of images that no function of the engine does alone: noise in a box, mixup
// and CutMix (as timm has them, tests/golden_tests/mixup_test.cpp).
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/data/mixup.h"

namespace seqpe::reference {

/// The noise of a placement in `planes` [3, height, width].
inline void erase_box(const kernels::ImagePlacement& placement, std::int64_t height,
                      std::int64_t width, float* planes) {
  for (std::int64_t row = 0; row < placement.erased_height; ++row) {
    for (std::int64_t column = 0; column < placement.erased_width; ++column) {
      const std::int64_t y = row + placement.erased_top, x = column + placement.erased_left;
      if (y < 0 || y >= height || x < 0 || x >= width) continue;
      float noise[kImageChannels];
      image_noise(kernels::noise_key(placement),
                  static_cast<std::uint64_t>(row * placement.erased_width + column), noise);
      for (std::int64_t channel = 0; channel < kImageChannels; ++channel)
        planes[(channel * height + y) * width + x] = noise[channel];
    }
  }
}

/// `images` [batch, 3, height, width], in place: lambda x + (1 - lambda) partner, or the box from
/// the partner: images 0 and 1, 2 and 3 ... are pairs, the last image of an odd batch stays.
inline void mix_images(const data::Mix& mix, std::int64_t batch, std::int64_t height,
                       std::int64_t width, float* images) {
  const std::int64_t count = kImageChannels * height * width;
  const auto own = static_cast<float>(mix.lambda), other = static_cast<float>(1 - mix.lambda);
  for (std::int64_t i = 0; i < batch / 2; ++i) {
    float *const first = images + 2 * i * count, *const last = first + count;
    for (std::int64_t at = 0; at < count; ++at) {
      const std::int64_t y = at / width % height, x = at % width;
      const float a = first[at], b = last[at];
      if (mix.box) {
        const data::Box& box = *mix.box;
        if (y >= box.top && y < box.top + box.height && x >= box.left && x < box.left + box.width)
          std::swap(first[at], last[at]);
      } else if (mix.lambda < 1) {
        first[at] = a * own + b * other;
        last[at] = b * own + a * other;
      }
    }
  }
}

}  // namespace seqpe::reference

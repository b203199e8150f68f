// The numbers that images become: a byte normalised, and the noise of an erased pixel. The same on
// every device, noise but for its last bits: logarithms and fused products differ.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/common/host_device.h"
#include "kernels/common/philox.h"

namespace seqpe {

inline constexpr int kImageChannels = 3;  // red, green, blue

/// (byte / 255 - mean) / standard deviation, each step rounded to float32.
SEQPE_HOST_DEVICE static inline float normalized_byte(int byte, float mean,
                                                      float standard_deviation) {
  return (static_cast<float>(byte) / 255.0f - mean) / standard_deviation;
}

struct NormalPair {
  float first, second;
};

/// Two independent N(0, 1) numbers, at most 6.8 away from 0 (Box and Muller, 1958).
SEQPE_HOST_DEVICE static inline NormalPair normal_pair(std::uint32_t radius_word,
                                                       std::uint32_t angle_word) {
  const float uniform = (static_cast<float>(radius_word) + 0.5f) * 0x1p-32f;  // in (0, 1]
  const float radius = sqrtf(-2.0f * logf(uniform));
  // A quarter of the circle, and an angle in it, from its middle: of at most pi / 4 the Taylor
  // polynomials of sine and cosine are good to float32. A device's own take memory for any angle.
  constexpr float kHalfPi = 1.5707963267948966f;
  const float angle = (static_cast<float>(angle_word & 0x3fffffffu) * 0x1p-30f - 0.5f) * kHalfPi;
  const float square = angle * angle;
  const float sine =
      angle *
      (1 + square * (-1.0f / 6 +
                     square * (1.0f / 120 + square * (-1.0f / 5040 + square * (1.0f / 362880)))));
  const float cosine =
      1 + square *
              (-1.0f / 2 + square * (1.0f / 24 + square * (-1.0f / 720 + square * (1.0f / 40320))));
  const bool exchanged = (angle_word >> 30 & 1) != 0, opposite = angle_word >> 31 != 0;
  const float signed_radius = opposite ? -radius : radius;
  return {signed_radius * (exchanged ? -sine : cosine),
          signed_radius * (exchanged ? cosine : sine)};
}

/// noise: N(0, 1) numbers of pixel number `pixel` of an erased box, one a channel: block `pixel` of
/// the key's stream.
SEQPE_HOST_DEVICE static inline void image_noise(const PhiloxKey& key, std::uint64_t pixel,
                                                 float (&noise)[kImageChannels]) {
  const PhiloxBlock block = philox(key, pixel);
  const NormalPair pair = normal_pair(block.words[0], block.words[1]);
  noise[0] = pair.first;
  noise[1] = pair.second;
  noise[2] = normal_pair(block.words[2], block.words[3]).first;
}

}  // namespace seqpe

// Batches of images for the tests of kernels/image_batch.h: windows beyond every side, boxes of all
// kinds, batches odd and even.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "engine/data/mixup.h"
#include "tests/support/kernel_test.h"

namespace seqpe::test {

struct ImageBatchCase {
  std::int64_t batch, height, width;
};
// Widths of whole packs and of none; of more columns and pixels than a kernel takes at once.
inline const ImageBatchCase kImageBatchCases[] = {{0, 4, 4},  {1, 1, 1},    {1, 5, 7},  {9, 8, 8},
                                                  {11, 6, 5}, {8, 17, 130}, {3, 40, 64}};

inline std::vector<data::Mix> image_mixes(std::int64_t height, std::int64_t width) {
  return {{},
          {0.3, {}},
          {0, {}},
          {0.5, data::Box{0, 0, 0, 0}},
          {0.5, data::Box{0, 0, height, width}},
          {0.5, data::Box{height / 2, width / 3, height - height / 2, (width + 1) / 2}}};
}

inline std::vector<std::uint8_t> random_bytes(std::int64_t count) {
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(philox_word({.seed = 5}, i));
  return bytes;
}

inline std::vector<kernels::ImagePlacement> image_placements(const ImageBatchCase& c, bool erase) {
  constexpr std::int32_t most = std::numeric_limits<std::int32_t>::max(),
                         least = std::numeric_limits<std::int32_t>::min();
  const auto height = static_cast<std::int32_t>(c.height),
             width = static_cast<std::int32_t>(c.width);
  const std::int32_t corners[][2] = {{0, 0},       {2, 1},  {-1, -3},      {-2, 3},      {0, width},
                                     {-height, 0}, {3, -2}, {most, least}, {least, most}};
  const std::int32_t boxes[][4] = {{0, 0, 0, 0},
                                   {height / 3, width / 4, (height + 1) / 2, (width + 2) / 3},
                                   {0, 0, height, width},
                                   {height - 1, width - 1, 1, 1},
                                   {-1, -2, 2, 4}};
  std::vector<kernels::ImagePlacement> placements;
  for (std::int64_t i = 0; i < c.batch; ++i) {
    const auto& corner = corners[i % 9];
    kernels::ImagePlacement placement{.top = corner[0],
                                      .left = corner[1],
                                      .flipped = i % 2 == 0 ? 1 : 0,
                                      .noise_seed_low = static_cast<std::uint32_t>(i),
                                      .noise_seed_high = 3,
                                      .noise_stream = 7,
                                      .noise_step = 11};
    if (erase) {
      const auto& box = boxes[(i + 1) % 5];
      placement.erased_top = box[0];
      placement.erased_left = box[1];
      placement.erased_height = box[2];
      placement.erased_width = box[3];
    }
    placements.push_back(placement);
  }
  return placements;
}

/// What kernels::image_batch makes of the case, bytes at random, by ImageNet's statistics.
template <template <typename> class Memory>
std::vector<float> run_image_batch(const Context& context, const ImageBatchCase& c,
                                   const data::Mix& mix, bool erase) {
  const std::int64_t count = kImageChannels * c.batch * c.height * c.width;
  const Memory<float> out(poisoned<float>(count));
  const Memory<std::uint8_t> images(random_bytes(count));
  const Memory<kernels::ImagePlacement> placements(image_placements(c, erase));
  const Memory<kernels::ImageMix> shares({data::mix_of_images(mix)});
  kernels::image_batch(context, {.out = out.data(),
                                 .images = images.data(),
                                 .placements = placements.data(),
                                 .mix = shares.data(),
                                 .batch = c.batch,
                                 .height = c.height,
                                 .width = c.width,
                                 .mean = {0.485F, 0.456F, 0.406F},
                                 .standard_deviation = {0.229F, 0.224F, 0.225F}});
  return out.read();
}

}  // namespace seqpe::test

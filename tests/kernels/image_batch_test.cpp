#include "kernels/image_batch.h"

#include "engine/data/image_normalization.h"
#include "tests/reference/image_batch.h"
#include "tests/support/image_batch_cases.h"
#include "tests/support/thread_count.h"

namespace seqpe::kernels {
namespace {

/// By the engine's functions of single images.
std::vector<float> expected(const test::ImageBatchCase& c, const data::Mix& mix, bool erase) {
  const std::int64_t count = kImageChannels * c.height * c.width;
  const auto bytes = test::random_bytes(count * c.batch);
  const auto placements = test::image_placements(c, erase);
  std::vector<float> planes(bytes.size());
  for (std::int64_t i = 0; i < c.batch; ++i) {
    const ImagePlacement& placement = placements[static_cast<std::size_t>(i)];
    data::Image image{c.height, c.width, {}};
    image.pixels.assign(bytes.begin() + i * count, bytes.begin() + (i + 1) * count);
    image = data::crop_image(image, {placement.top, placement.left, c.height, c.width});
    if (placement.flipped != 0) image = data::flip_image(image);
    data::normalize_image(image, data::kImageNetStatistics, planes.data() + i * count);
    reference::erase_box(placement, c.height, c.width, planes.data() + i * count);
  }
  reference::mix_images(mix, c.batch, c.height, c.width, planes.data());
  return planes;
}

TEST(ImageBatchKernel, WhatTheFunctionsOfSingleImagesMakeTogether) {
  for (const test::ImageBatchCase& c : test::kImageBatchCases) {
    for (const data::Mix& mix : test::image_mixes(c.height, c.width)) {
      for (const bool erase : {false, true}) {
        SCOPED_TRACE(testing::Message() << c.batch << " of " << c.height << " x " << c.width
                                        << ", lambda " << mix.lambda << ", erased " << erase);
        EXPECT_TRUE(test::bits_of(test::run_image_batch<test::HostArray>(
                        test::kCpu, c, mix, erase)) == test::bits_of(expected(c, mix, erase)));
      }
    }
  }
}

TEST(ImageBatchKernel, EqualBitsForAnyNumberOfThreads) {
  const test::ImageBatchCase c{5, 9, 70};
  const auto run = [&](int threads) {
    const test::ThreadCount count(threads);
    return test::bits_of(test::run_image_batch<test::HostArray>(test::kCpu, c, {0.4, {}}, true));
  };
  const auto alone = run(1);
  for (const int threads : {2, 4}) EXPECT_TRUE(run(threads) == alone) << threads;
}

}  // namespace
}  // namespace seqpe::kernels

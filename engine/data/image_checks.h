// All images of a data set, one after the other; which of them are bad, found before anybody trains
// on them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/data/image_dataset.h"

namespace seqpe::data {

struct BadImage {
  std::int64_t index;
  std::string reason;  // with the file
};

/// Calls `work` with each image's number once, on so many threads. Of those that throw, the first
/// one's exception goes on.
void for_each_image(const ImageDataset& dataset, int threads, const ImageProgress& progress,
                    const std::function<void(std::int64_t)>& work);

/// Checks all images, on so many threads; the bad ones in their order.
std::vector<BadImage> find_bad_images(const ImageDataset& dataset, int threads,
                                      const ImageProgress& progress = {});

/// "[images] skipped 12 bad images: " with the reasons of the first ten and how many more there
/// are.
std::string bad_images_text(const std::vector<BadImage>& bad);

}  // namespace seqpe::data

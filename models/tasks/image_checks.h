// Whether images fit a training and its validation, told before the first step.
#pragma once

#include "engine/data/image_dataset.h"
#include "models/config/config.h"

namespace seqpe::models {

/// Throws DataError unless the validation images have the classes of the training images, by their
/// names, and the first of them has each of the sizes at which images are evaluated as they are (up
/// to data::kLargestUncroppedSize). Warns of classes without a training image, of training images
/// that were scaled down below model.image, and as warn_of_seen_images.
void check_images(const Config& config, const data::ImageDataset& training,
                  const data::ImageDataset& validation);

/// Warns where the images that open_images gives for the test split are the training images: the
/// same data, which has no splits, or the cache of a training split.
void warn_of_seen_images(const Config& config, const data::ImageDataset& validation);

}  // namespace seqpe::models

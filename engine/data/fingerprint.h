// Short texts that are equal where the data are, for processes that must read the same.
#pragma once

#include <string>

#include "engine/data/image_dataset.h"
#include "engine/data/lm_blocks.h"

namespace seqpe::data {

std::string fingerprint(const Chunks& chunks);
/// Of the classes and labels in their order: images are not decoded for it.
std::string fingerprint(const ImageDataset& images);

}  // namespace seqpe::data

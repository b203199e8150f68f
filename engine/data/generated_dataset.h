// The generated shapes (generated_shapes.h) as a data set.
#pragma once

#include <memory>

#include "engine/data/image_dataset.h"

namespace seqpe::data {

/// `count` images of size x size. The two splits share none.
std::unique_ptr<ImageDataset> generated_dataset(Split split, std::int64_t count, std::int64_t size);

}  // namespace seqpe::data

// CIFAR-10's binary files: records of a label's byte and three planes (red, green, blue) of 32 x 32
// bytes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "engine/data/labeled_images.h"

namespace seqpe::data {

/// Appends the records of a file to `images`; `name` is what an error calls it. Throws DataError if
/// it is empty, holds a part of a record or a label above 9.
void append_cifar10(std::span<const std::byte> bytes, const std::string& name,
                    LabeledImages& images);

/// test_batch.bin of a folder, or those of data_batch_1.bin to data_batch_5.bin that are there, in
/// this order. Throws DataError as above, and if no such file is there.
LabeledImages read_cifar10(const std::filesystem::path& folder, Split split);

}  // namespace seqpe::data

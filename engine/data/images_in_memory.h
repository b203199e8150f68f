// Data sets whose files hold all images of a split: read at once, kept as they are.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/data/image_dataset.h"

namespace seqpe::data {

/// `kind` and the rest as ImageDataset has them. Throws DataError unless each label has a class.
std::unique_ptr<ImageDataset> keep_in_memory(LabeledImages images, std::vector<std::string> classes,
                                             std::string kind, Split split);

/// read_cifar10 and read_mnist as data sets. MNIST's classes are numbers: ten, or as many as the
/// labels of both splits ask for.
std::unique_ptr<ImageDataset> open_cifar10(const std::filesystem::path& folder, Split split);
std::unique_ptr<ImageDataset> open_mnist(const std::filesystem::path& folder, Split split);

}  // namespace seqpe::data

// MNIST's IDX files, plain or packed by gzip: a magic number, the sizes of the dimensions (32 bits,
// big-endian), then a byte an element.
#pragma once

#include <filesystem>

#include "engine/data/labeled_images.h"

namespace seqpe::data {

/// Gray becomes RGB. The first bytes tell gzip, not the name. Throws DataError with the file and
/// the reason: another magic number, a size that does not fit, as many images as labels not.
LabeledImages read_idx(const std::filesystem::path& image_file,
                       const std::filesystem::path& label_file);

/// train-images-idx3-ubyte and train-labels-idx1-ubyte of a folder, or those of t10k; each may end
/// in .gz.
LabeledImages read_mnist(const std::filesystem::path& folder, Split split);

/// The labels alone; none where the folder does not have that split's.
std::vector<std::int64_t> read_mnist_labels(const std::filesystem::path& folder, Split split);

}  // namespace seqpe::data

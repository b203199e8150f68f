// A data set of images in one file, decoded, so that training need not decode them each epoch.
// docs/image_data.md has the layout.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "engine/data/image_checks.h"
#include "engine/data/image_dataset.h"

namespace seqpe::data {

/// True if a regular file begins as a cache.
bool is_image_cache(const std::filesystem::path& path);

/// A cache, read where it lies: its pages are those of the file. Throws DataError with the file,
/// the offset, what was expected and found unless every size fits the file and what describes the
/// pixels has its checksum; check_image() holds an image's pixels to theirs.
std::unique_ptr<ImageDataset> open_image_cache(const std::filesystem::path& path);

struct ImageCacheOptions {
  std::int64_t shorter_side = 0;  // larger images are scaled down to it, bicubic; 0: none is
  BadImages bad_images = BadImages::refuse;
  int threads = 1;
  ImageProgress progress;
};

struct ImageCacheResult {
  std::int64_t images = 0, bytes = 0;
  std::vector<BadImage> skipped;
};

/// Writes a cache, the same whatever the number of threads; `path` has either what it had or all of
/// the new one. Throws DataError for a bad image unless it is to be skipped, or if none is left;
/// Error if the file cannot be written.
ImageCacheResult write_image_cache(const ImageDataset& dataset, const std::filesystem::path& path,
                                   const ImageCacheOptions& options);

}  // namespace seqpe::data

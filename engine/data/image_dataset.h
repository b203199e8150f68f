// The images of one split of a data set, wherever they lie.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/data/image.h"
#include "engine/data/labeled_images.h"

namespace seqpe::data {

/// Images by number, with the number of their class. All functions are const and may be called by
/// many threads at once. Numbers must lie in [0, count()), which is at least 1.
class ImageDataset {
 public:
  virtual ~ImageDataset() = default;
  /// What it was read from: "class folders", "CIFAR-10", "MNIST", "cache",
  /// "generated shapes".
  virtual std::string kind() const = 0;
  /// "train", "test"; "all" where the source has no splits.
  virtual std::string split() const = 0;
  virtual std::int64_t count() const = 0;
  /// Their names, by number.
  virtual const std::vector<std::string>& classes() const = 0;
  /// To which larger images were scaled down in their shorter side; 0: none was.
  virtual std::int64_t shorter_side() const { return 0; }
  /// In [0, classes().size()).
  virtual std::int64_t label(std::int64_t index) const = 0;
  /// Decoded. Throws DataError with the file and the reason.
  virtual Image image(std::int64_t index) const = 0;
  /// Throws DataError as image() does, and also for what only a check of all bytes finds.
  virtual void check_image(std::int64_t index) const { image(index); }
};

/// Called by the caller's thread, now and then, with the images done and their number; may throw to
/// end the work.
using ImageProgress = std::function<void(std::int64_t done, std::int64_t total)>;

/// What becomes of an image that cannot be decoded.
enum class BadImages : std::uint8_t {
  refuse,  // an error names it when it is asked for
  skip     // it takes no part: opening a folder decodes every file once, and one warning names them
};

/// Finds out what `path` is, in this order:
///   a file: a cache (image_cache.h), its one split for both;
///   a folder with data_batch_*.bin or test_batch.bin: CIFAR-10;
///   a folder with *-idx3-ubyte or *-idx3-ubyte.gz: MNIST;
///   a folder with train/ or val/ (or validation/ or test/) that hold folders: a folder a class in
///     each, their classes being the names in all of them, sorted;
///   a folder with folders: one a class, the same for both splits.
/// Throws DataError with what was found otherwise. `progress` tells of the decoding that skipping
/// needs.
std::unique_ptr<ImageDataset> open_image_dataset(const std::filesystem::path& path, Split split,
                                                 BadImages bad_images = BadImages::refuse,
                                                 const ImageProgress& progress = {});

}  // namespace seqpe::data

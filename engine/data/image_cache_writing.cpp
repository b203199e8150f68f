#include <algorithm>
#include <optional>

#include "engine/data/image_cache.h"
#include "engine/data/image_cache_layout.h"
#include "engine/data/image_resizing.h"
#include "engine/data/parallel_each.h"
#include "engine/io/file.h"

namespace seqpe::data {
namespace {

using cache::Entry;
using cache::Foot;
using cache::Head;

constexpr std::int64_t kImagesAThread = 8;  // decoded in memory at a time

cache::StoredSplit split_of(const ImageDataset& dataset) {
  const auto* const name =
      std::find(cache::kSplitNames.begin(), cache::kSplitNames.end(), dataset.split());
  return static_cast<cache::StoredSplit>(name - cache::kSplitNames.begin());
}

Image scaled_down(Image image, std::int64_t shorter_side) {
  const std::int64_t shorter = std::min(image.height, image.width);
  if (shorter_side == 0 || shorter <= shorter_side) return image;
  return resize_image(image, shorter_side * image.height / shorter,
                      shorter_side * image.width / shorter, ResizeFilter::bicubic);
}

/// Of two sides to which images are scaled down, one after the other; 0: they are not.
std::int64_t smaller_side(std::int64_t first, std::int64_t second) {
  return first == 0 || second == 0 ? std::max(first, second) : std::min(first, second);
}

/// A cache as it grows.
class CacheFile {
 public:
  CacheFile(io::FileWriter& writer, const ImageDataset& dataset, std::int64_t shorter_side)
      : writer_(writer), head_{cache::kHeadMagic, cache::kVersion, split_of(dataset)} {
    foot_.shorter_side =
        static_cast<std::uint64_t>(smaller_side(dataset.shorter_side(), shorter_side));
    foot_.magic = cache::kFootMagic;
    write(cache::bytes_of(head_));
  }

  void add(const Image& image, std::int64_t label) {
    const auto pixels = std::as_bytes(std::span(image.pixels));
    entries_.push_back({bytes_, static_cast<std::uint32_t>(image.height),
                        static_cast<std::uint32_t>(image.width), static_cast<std::uint32_t>(label),
                        cache::checksum(pixels)});
    write(pixels);
  }

  void finish(const std::vector<std::string>& classes) {
    std::string names;
    for (const std::string& name : classes) names += name + '\0';
    const auto name_bytes = std::as_bytes(std::span(names));
    const auto entry_bytes = std::as_bytes(std::span(entries_));
    foot_.images = entries_.size();
    foot_.classes = classes.size();
    foot_.name_bytes = names.size();
    foot_.checksum = cache::description_checksum(head_, name_bytes, entry_bytes, foot_);
    write(name_bytes);
    write(entry_bytes);
    write(cache::bytes_of(foot_));
  }

  std::int64_t images() const { return static_cast<std::int64_t>(entries_.size()); }
  std::int64_t bytes() const { return static_cast<std::int64_t>(bytes_); }

 private:
  void write(std::span<const std::byte> bytes) {
    writer_.write(bytes.data(), bytes.size());
    bytes_ += bytes.size();
  }

  io::FileWriter& writer_;
  Head head_;
  Foot foot_{};
  std::vector<Entry> entries_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

ImageCacheResult write_image_cache(const ImageDataset& dataset, const std::filesystem::path& path,
                                   const ImageCacheOptions& options) {
  require(options.threads >= 1, "[cache] expected at least one thread, got {}.", options.threads);
  ImageCacheResult result;
  io::write_file_atomic(path, [&](io::FileWriter& writer) {
    CacheFile file(writer, dataset, options.shorter_side);
    for (std::int64_t begin = 0; begin < dataset.count();) {
      const std::int64_t count =
          std::min(dataset.count() - begin, kImagesAThread * options.threads);
      std::vector<Image> images(static_cast<std::size_t>(count));
      std::vector<std::string> reasons(images.size());
      parallel_each(count, options.threads, [&](std::int64_t i) {
        const auto slot = static_cast<std::size_t>(i);
        try {
          images[slot] = scaled_down(dataset.image(begin + i), options.shorter_side);
        } catch (const DataError& error) {
          if (options.bad_images == BadImages::refuse) throw;
          reasons[slot] = error.what();
        }
      });
      for (std::size_t i = 0; i < images.size(); ++i) {
        const std::int64_t index = begin + static_cast<std::int64_t>(i);
        if (reasons[i].empty()) {
          file.add(images[i], dataset.label(index));
        } else {
          result.skipped.push_back({index, std::move(reasons[i])});
        }
      }
      begin += count;
      if (options.progress) options.progress(begin, dataset.count());
    }
    require<DataError>(file.images() > 0, "[cache] {}: no image is left. {}", path.string(),
                       bad_images_text(result.skipped));
    file.finish(dataset.classes());
    result.images = file.images();
    result.bytes = file.bytes();
  });
  return result;
}

}  // namespace seqpe::data

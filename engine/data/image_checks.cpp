#include "engine/data/image_checks.h"

#include <algorithm>
#include <mutex>

#include "engine/data/parallel_each.h"

namespace seqpe::data {
namespace {

constexpr std::int64_t kImagesAThread = 16;  // between two calls of `progress`
constexpr std::size_t kNamedImages = 10;

}  // namespace

void for_each_image(const ImageDataset& dataset, int threads, const ImageProgress& progress,
                    const std::function<void(std::int64_t)>& work) {
  for (std::int64_t begin = 0; begin < dataset.count();) {
    const std::int64_t count = std::min(dataset.count() - begin, kImagesAThread * threads);
    parallel_each(count, threads, [&](std::int64_t i) { work(begin + i); });
    begin += count;
    if (progress) progress(begin, dataset.count());
  }
}

std::vector<BadImage> find_bad_images(const ImageDataset& dataset, int threads,
                                      const ImageProgress& progress) {
  std::mutex mutex;
  std::vector<BadImage> bad;
  for_each_image(dataset, threads, progress, [&](std::int64_t i) {
    try {
      dataset.check_image(i);
    } catch (const DataError& error) {
      const std::lock_guard lock(mutex);
      bad.push_back({i, error.what()});
    }
  });
  std::sort(bad.begin(), bad.end(),
            [](const BadImage& a, const BadImage& b) { return a.index < b.index; });
  return bad;
}

std::string bad_images_text(const std::vector<BadImage>& bad) {
  std::string text =
      fmt::format("[images] skipped {} bad image{}:", bad.size(), bad.size() == 1 ? "" : "s");
  for (std::size_t i = 0; i < std::min(bad.size(), kNamedImages); ++i)
    text += "\n  " + bad[i].reason;
  if (bad.size() > kNamedImages) text += fmt::format("\n  and {} more", bad.size() - kNamedImages);
  return text;
}

}  // namespace seqpe::data

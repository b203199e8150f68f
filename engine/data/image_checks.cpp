#include "engine/data/image_checks.h"

#include <algorithm>

#include "engine/data/parallel_each.h"

namespace seqpe::data {
namespace {

constexpr std::int64_t kImagesAThread = 16;  // between two calls of `progress`
constexpr std::size_t kNamedImages = 10;

}  // namespace

std::vector<BadImage> find_bad_images(const ImageDataset& dataset, int threads,
                                      const ImageProgress& progress) {
  std::vector<BadImage> bad;
  for (std::int64_t begin = 0; begin < dataset.count();) {
    const std::int64_t count = std::min(dataset.count() - begin, kImagesAThread * threads);
    std::vector<std::string> reasons(static_cast<std::size_t>(count));
    parallel_each(count, threads, [&](std::int64_t i) {
      try {
        dataset.check_image(begin + i);
      } catch (const DataError& error) {
        reasons[static_cast<std::size_t>(i)] = error.what();
      }
    });
    for (std::int64_t i = 0; i < count; ++i) {
      std::string& reason = reasons[static_cast<std::size_t>(i)];
      if (!reason.empty()) bad.push_back({begin + i, std::move(reason)});
    }
    begin += count;
    if (progress) progress(begin, dataset.count());
  }
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

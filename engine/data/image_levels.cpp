#include "engine/data/image_levels.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace seqpe::data {
namespace {

constexpr std::size_t kChannels = Image::channels;

using Table = std::array<std::uint8_t, 256>;          // what every byte becomes
using Histogram = std::array<std::int64_t, 256>;      // how often every byte occurs
using Histograms = std::array<Histogram, kChannels>;  // of every channel

Table identity() {
  Table table{};
  std::iota(table.begin(), table.end(), std::uint8_t{0});
  return table;
}

Histograms histograms_of(const Image& image) {
  Histograms histograms{};
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    ++histograms[i % kChannels][image.pixels[i]];
  return histograms;
}

Image looked_up(const Image& image, const std::array<Table, kChannels>& tables) {
  Image result = image;
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    result.pixels[i] = tables[i % kChannels][image.pixels[i]];
  return result;
}

/// By a table of every channel's histogram.
Image looked_up(const Image& image, Table (*table_of)(const Histogram&)) {
  const Histograms histograms = histograms_of(image);
  std::array<Table, kChannels> tables{};
  std::ranges::transform(histograms, tables.begin(), table_of);
  return looked_up(image, tables);
}

/// By one function of the byte for all channels.
template <typename Function>
Image changed(const Image& image, const Function& function) {
  Table table = identity();
  for (std::uint8_t& value : table) value = static_cast<std::uint8_t>(function(int{value}));
  std::array<Table, kChannels> tables{};
  tables.fill(table);
  return looked_up(image, tables);
}

Table auto_contrast_table(const Histogram& histogram) {
  const auto occurs = [](std::int64_t count) { return count > 0; };
  const auto first = std::ranges::find_if(histogram, occurs) - histogram.begin();
  const auto last = std::find_if(histogram.rbegin(), histogram.rend(), occurs);
  const auto low = static_cast<double>(first);
  const auto high = static_cast<double>(histogram.rend() - last - 1);
  Table table = identity();
  if (high <= low) return table;
  const double scale = 255.0 / (high - low), offset = -low * scale;
  for (std::uint8_t& value : table)
    value = static_cast<std::uint8_t>(std::clamp(value * scale + offset, 0.0, 255.0));
  return table;
}

Table equalize_table(const Histogram& histogram) {
  const auto largest = std::find_if(histogram.rbegin(), histogram.rend(),
                                    [](std::int64_t count) { return count > 0; });
  const std::int64_t step = std::accumulate(histogram.begin(), histogram.end(), -*largest) / 255;
  Table table = identity();
  if (step == 0) return table;
  std::int64_t sum = step / 2;
  for (std::size_t byte = 0; byte < table.size(); ++byte) {
    table[byte] = static_cast<std::uint8_t>(std::min<std::int64_t>(sum / step, 255));
    sum += histogram[byte];
  }
  return table;
}

}  // namespace

Image auto_contrast_image(const Image& image) {
  return looked_up(image, auto_contrast_table);
}

Image equalize_image(const Image& image) {
  return looked_up(image, equalize_table);
}

Image invert_image(const Image& image) {
  return changed(image, [](int x) { return 255 - x; });
}

Image posterize_image(const Image& image, int bits) {
  require(bits >= 0 && bits <= 8, "[augmentation] posterize: expected from 0 to 8 bits, got {}.",
          bits);
  return changed(image, [=](int x) { return x >> (8 - bits) << (8 - bits); });
}

Image solarize_image(const Image& image, int threshold) {
  require(threshold >= 0 && threshold <= 256,
          "[augmentation] solarize: expected a threshold from 0 to 256, got {}.", threshold);
  return changed(image, [=](int x) { return x < threshold ? x : 255 - x; });
}

Image solarize_add_image(const Image& image, int added) {
  require(added >= 0 && added <= 255,
          "[augmentation] solarize_add: expected a number from 0 to 255, got {}.", added);
  return changed(image, [=](int x) { return x < 128 ? std::min(x + added, 255) : x; });
}

}  // namespace seqpe::data

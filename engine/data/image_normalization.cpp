#include "engine/data/image_normalization.h"

#include "kernels/common/image_number.h"

namespace seqpe::data {

void normalize_image(const Image& image, const ImageStatistics& statistics, float* normalized) {
  constexpr std::size_t channels = Image::channels;
  const std::size_t pixels = image.pixels.size() / channels;
  for (std::size_t channel = 0; channel < channels; ++channel) {
    std::array<float, 256> values{};  // of every byte: two divisions are slower than a look-up
    for (std::size_t byte = 0; byte < values.size(); ++byte) {
      values[byte] = normalized_byte(static_cast<int>(byte), statistics.mean[channel],
                                     statistics.standard_deviation[channel]);
    }
    for (std::size_t pixel = 0; pixel < pixels; ++pixel)
      normalized[channel * pixels + pixel] = values[image.pixels[pixel * channels + channel]];
  }
}

}  // namespace seqpe::data

#include "engine/data/image_adjustment.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace seqpe::data {
namespace {

constexpr std::size_t kChannels = Image::channels;

void check_factor(std::string_view property, double factor) {
  require(std::isfinite(factor) && factor >= 0,
          "[augmentation] {}: expected a finite factor >= 0, got {}.", property, factor);
}

std::uint8_t mixed(std::uint8_t without, std::uint8_t with, float factor) {
  const float difference = static_cast<float>(with - without);
  const float value = static_cast<float>(without) + factor * difference;
  return static_cast<std::uint8_t>(std::clamp(value, 0.0F, 255.0F));
}

std::uint8_t gray_value(const std::uint8_t* pixel) {
  constexpr int half = 1 << 15;
  return static_cast<std::uint8_t>((19595 * pixel[0] + 38470 * pixel[1] + 7471 * pixel[2] + half) >>
                                   16);
}

/// Mixed with one value.
Image mixed_with(std::uint8_t value, const Image& image, double factor) {
  Image result = image;
  for (std::uint8_t& byte : result.pixels) byte = mixed(value, byte, static_cast<float>(factor));
  return result;
}

}  // namespace

Image adjust_brightness(const Image& image, double factor) {
  check_factor("brightness", factor);
  return mixed_with(0, image, factor);
}

Image adjust_contrast(const Image& image, double factor) {
  check_factor("contrast", factor);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < image.pixels.size(); i += kChannels)
    sum += gray_value(&image.pixels[i]);
  const std::int64_t count = image.height * image.width;
  return mixed_with(static_cast<std::uint8_t>((2 * sum + count) / (2 * count)), image, factor);
}

Image adjust_saturation(const Image& image, double factor) {
  check_factor("saturation", factor);
  Image result = image;
  for (std::size_t i = 0; i < image.pixels.size(); i += kChannels) {
    const std::uint8_t gray = gray_value(&image.pixels[i]);
    for (std::size_t channel = 0; channel < kChannels; ++channel) {
      result.pixels[i + channel] =
          mixed(gray, image.pixels[i + channel], static_cast<float>(factor));
    }
  }
  return result;
}

Image adjust_sharpness(const Image& image, double factor) {
  check_factor("sharpness", factor);
  Image result = image;
  const std::int64_t row = image.width * Image::channels;
  for (std::int64_t y = 1; y + 1 < image.height; ++y) {
    for (std::int64_t i = y * row + Image::channels; i < (y + 1) * row - Image::channels; ++i) {
      const std::uint8_t* const middle = image.pixels.data() + i;
      int sum = 4 * *middle;
      for (const std::int64_t line : {-row, std::int64_t{0}, row})
        sum += middle[line - Image::channels] + middle[line] + middle[line + Image::channels];
      // 13 weights in all; half of an odd number is never met, so rounding has no ties.
      const auto smooth = static_cast<std::uint8_t>((2 * sum + 13) / 26);
      result.pixels[static_cast<std::size_t>(i)] =
          mixed(smooth, *middle, static_cast<float>(factor));
    }
  }
  return result;
}

}  // namespace seqpe::data

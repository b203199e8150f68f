#include "engine/data/image_resizing.h"

#include <algorithm>
#include <cmath>

namespace seqpe::data {
namespace {

constexpr std::size_t kChannels = Image::channels;
constexpr int kFractionBits = 22;  // of a weight; 8 more for the pixel, 2 for what overshoots

double triangle(double x) {
  return std::max(1 - std::abs(x), 0.0);
}

double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/// What one output pixel is made of: input pixels from `begin`, with their fixed-point weights.
struct Taps {
  std::size_t begin = 0;
  std::vector<std::int32_t> weights;
};

/// The taps of every output pixel along one axis. The sums are in Pillow's order, whose rounding
/// shows in the last bit of a weight.
std::vector<Taps> axis_taps(std::int64_t from, std::int64_t to, ResizeFilter filter) {
  const bool is_cubic = filter == ResizeFilter::bicubic;
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double widening = std::max(scale, 1.0);
  const double support = (is_cubic ? 2.0 : 1.0) * widening;
  std::vector<Taps> axis(static_cast<std::size_t>(to));
  std::vector<double> weights;
  for (std::size_t out = 0; out < axis.size(); ++out) {
    const double center = (static_cast<double>(out) + 0.5) * scale;
    const double first = std::floor(center - support + 0.5);
    const double last = std::floor(center + support + 0.5);
    const auto begin = static_cast<std::int64_t>(std::max(first, 0.0));
    const auto end = std::min(static_cast<std::int64_t>(last), from);
    weights.clear();
    double sum = 0;
    for (std::int64_t in = begin; in < end; ++in) {
      const double x = (static_cast<double>(in) - center + 0.5) * (1 / widening);
      weights.push_back(is_cubic ? cubic(x) : triangle(x));
      sum += weights.back();
    }
    axis[out].begin = static_cast<std::size_t>(begin);
    for (const double weight : weights) {
      const double fixed = weight / sum * (1 << kFractionBits);
      axis[out].weights.push_back(static_cast<std::int32_t>(fixed + (fixed < 0 ? -0.5 : 0.5)));
    }
  }
  return axis;
}

constexpr std::int32_t kHalf = 1 << (kFractionBits - 1);

std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

Image resize_rows(const Image& image, std::int64_t width, ResizeFilter filter) {
  Image resized = make_image(image.height, width, "resized image");
  const std::vector<Taps> columns = axis_taps(image.width, width, filter);
  std::uint8_t* out = resized.pixels.data();
  for (std::int64_t y = 0; y < image.height; ++y) {
    const std::uint8_t* const row = image.pixels.data() + y * image.width * Image::channels;
    for (const Taps& taps : columns) {
      std::int32_t red = kHalf, green = kHalf, blue = kHalf;
      const std::uint8_t* in = row + taps.begin * kChannels;
      for (const std::int32_t weight : taps.weights) {
        red += weight * in[0];
        green += weight * in[1];
        blue += weight * in[2];
        in += kChannels;
      }
      out[0] = to_byte(red);
      out[1] = to_byte(green);
      out[2] = to_byte(blue);
      out += kChannels;
    }
  }
  return resized;
}

Image resize_columns(const Image& image, std::int64_t height, ResizeFilter filter) {
  Image resized = make_image(height, image.width, "resized image");
  const std::size_t stride = static_cast<std::size_t>(image.width) * kChannels;
  std::vector<std::int32_t> sums(stride);
  std::uint8_t* out = resized.pixels.data();
  for (const Taps& taps : axis_taps(image.height, height, filter)) {
    std::fill(sums.begin(), sums.end(), kHalf);
    const std::uint8_t* in = image.pixels.data() + taps.begin * stride;
    for (const std::int32_t weight : taps.weights) {
      for (std::size_t i = 0; i < stride; ++i) sums[i] += weight * in[i];
      in += stride;
    }
    for (const std::int32_t sum : sums) *out++ = to_byte(sum);
  }
  return resized;
}

}  // namespace

Image resize_image(const Image& image, std::int64_t height, std::int64_t width,
                   ResizeFilter filter) {
  check_image_size(height, width, "resized image");
  // A pass over an axis that keeps its size would change nothing.
  if (width == image.width && height == image.height) return image;
  if (height == image.height) return resize_rows(image, width, filter);
  if (width == image.width) return resize_columns(image, height, filter);
  return resize_columns(resize_rows(image, width, filter), height, filter);
}

}  // namespace seqpe::data

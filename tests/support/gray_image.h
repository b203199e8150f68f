// Images that are told by one number a pixel.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "engine/data/image.h"

namespace seqpe::test {

/// Rows of gray values.
inline data::Image gray_image(std::int64_t height, std::int64_t width,
                              const std::vector<std::uint8_t>& values) {
  data::Image image = data::make_image(height, width, "test");
  for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = values.at(i / 3);
  return image;
}

/// The green values; all channels hold the same.
inline std::vector<std::uint8_t> gray_values(const data::Image& image) {
  std::vector<std::uint8_t> values;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    values.push_back(image.pixels[i + 1]);
    EXPECT_EQ(image.pixels[i], values.back());
    EXPECT_EQ(image.pixels[i + 2], values.back());
  }
  return values;
}

}  // namespace seqpe::test

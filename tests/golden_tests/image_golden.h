// Golden files of images. They hold dtypes that our tensors do not have, so this reads by itself.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/data/image.h"
#include "engine/io/file.h"
#include "tests/golden_tests/golden_support.h"

namespace seqpe::test {

class ImageGolden {
 public:
  explicit ImageGolden(const std::string& name, const std::string& room = "transforms")
      : file_(io::read_text(goldens_dir(room) / (name + ".safetensors"))) {
    std::uint64_t header = 0;
    std::memcpy(&header, file_.data(), sizeof header);
    begin_ = sizeof header + header;
    entries_ = nlohmann::json::parse(file_.substr(sizeof header, header));
    config = nlohmann::json::parse(entries_.at("__metadata__").at("config").get<std::string>());
  }

  std::vector<std::int64_t> shape(const std::string& name) const {
    return entries_.at(name).at("shape").get<std::vector<std::int64_t>>();
  }

  /// The elements of an entry whose dtype has the size of T.
  template <typename T>
  std::vector<T> values(const std::string& name) const {
    const auto [begin, end] =
        entries_.at(name).at("data_offsets").get<std::pair<std::size_t, std::size_t>>();
    std::vector<T> elements((end - begin) / sizeof(T));
    std::memcpy(elements.data(), file_.data() + begin_ + begin, end - begin);
    return elements;
  }

  /// An entry [H, W, 3], or [H, W] as gray; number `index` of one [N, H, W, 3].
  data::Image image(const std::string& name, std::size_t index = 0) const {
    std::vector<std::int64_t> shape = this->shape(name);
    const auto bytes = values<std::uint8_t>(name);
    if (shape.size() == 4) shape.erase(shape.begin());
    data::Image image = data::make_image(shape.at(0), shape.at(1), name);
    const std::size_t repeats = shape.size() == 2 ? 3 : 1;
    for (std::size_t i = 0; i < image.pixels.size(); ++i)
      image.pixels[i] = bytes.at((index * image.pixels.size() + i) / repeats);
    return image;
  }

  nlohmann::json config;

 private:
  std::string file_;
  std::size_t begin_ = 0;  // of the elements
  nlohmann::json entries_;
};

/// Byte for byte.
inline void expect_same(const data::Image& ours, const data::Image& golden) {
  ASSERT_EQ(ours.height, golden.height);
  ASSERT_EQ(ours.width, golden.width);
  ASSERT_EQ(ours.pixels.size(), golden.pixels.size());
  std::size_t different = 0;
  int largest = 0;
  for (std::size_t i = 0; i < ours.pixels.size(); ++i) {
    const int difference = std::abs(ours.pixels[i] - golden.pixels[i]);
    different += difference != 0;
    largest = std::max(largest, difference);
  }
  EXPECT_EQ(different, 0U) << "of " << ours.pixels.size() << " bytes, by up to " << largest;
}

}  // namespace seqpe::test

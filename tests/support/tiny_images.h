// Small data sets of images that are told by one number.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/data/images_in_memory.h"
#include "tests/support/image_files.h"
#include "tests/support/temporary_directory.h"

namespace seqpe::test {

/// A PNG file of one gray value.
inline std::string gray_png(std::uint32_t height, std::uint32_t width, int value) {
  return png_file(height, width, 8, 0,
                  std::vector<std::string>(height, std::string(width, static_cast<char>(value))));
}

/// Writes a file and the folders above it.
inline void write_below(const TemporaryDirectory& folder, const std::string& name,
                        const std::string& content) {
  std::filesystem::create_directories((folder / name).parent_path());
  folder.write(name, content);
}

/// Images of side x side pixels, number i all of value i (modulo 251), of class i modulo `classes`.
inline std::unique_ptr<data::ImageDataset> numbered_images(std::int64_t count, std::int64_t side,
                                                           std::int64_t classes) {
  data::LabeledImages images{side, side, {}, {}};
  for (std::int64_t i = 0; i < count; ++i) {
    images.pixels.insert(images.pixels.end(), static_cast<std::size_t>(3 * side * side),
                         static_cast<std::uint8_t>(i % 251));
    images.labels.push_back(i % classes);
  }
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < classes; ++i) names.push_back("class " + std::to_string(i));
  return data::keep_in_memory(std::move(images), names, "numbered", data::Split::train);
}

/// The first byte of an image.
inline int first_value(const data::ImageDataset& images, std::int64_t index) {
  return images.image(index).pixels.at(0);
}

}  // namespace seqpe::test

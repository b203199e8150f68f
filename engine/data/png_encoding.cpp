#include "engine/data/png_encoding.h"

#include <png.h>

#include "engine/io/file.h"

namespace seqpe::data {

std::string encode_png(const Image& image, const std::string& name) {
  check_image_size(image.height, image.width, name);
  const std::int64_t bytes = image.height * image.width * Image::channels;
  require(std::ssize(image.pixels) == bytes,
          "[image] {}: an image of height {} and width {} must have {} bytes, got {}.", name,
          image.height, image.width, bytes, image.pixels.size());
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.format = PNG_FORMAT_RGB;
  header.height = static_cast<png_uint_32>(image.height);
  header.width = static_cast<png_uint_32>(image.width);
  std::string file;
  const auto write = [&](void* to, png_alloc_size_t& size) {
    const int done =
        png_image_write_to_memory(&header, to, &size, 0, image.pixels.data(), 0, nullptr);
    require<DataError>(done != 0, "[image] {}: cannot encode this image as PNG: {}.", name,
                       header.message);
  };
  png_alloc_size_t size = 0;
  write(nullptr, size);  // only says how many bytes
  file.resize(size);
  write(file.data(), size);
  return file;
}

void write_png(const std::filesystem::path& path, const Image& image) {
  io::write_file_atomic(path, encode_png(image, path.string()));
}

}  // namespace seqpe::data

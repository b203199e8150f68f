#include "engine/data/image_decoding.h"

#include <algorithm>
#include <cstring>

#include "engine/data/jpeg_decoding.h"
#include "engine/data/png_decoding.h"

namespace seqpe::data {
namespace {

bool begins_with(std::span<const std::byte> bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

std::string first_bytes(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes.first(std::min<std::size_t>(bytes.size(), 4)))
    text += fmt::format(" {:02x}", std::to_integer<int>(byte));
  return text;
}

}  // namespace

Image decode_image(std::span<const std::byte> bytes, const std::string& name) {
  require<DataError>(!bytes.empty(), "[image] {}: expected a JPEG or PNG file, it is empty.", name);
  if (begins_with(bytes, "\xff\xd8\xff")) return decode_jpeg(bytes, name);
  if (begins_with(bytes, "\x89PNG\r\n\x1a\n")) return decode_png(bytes, name);
  throw DataError(fmt::format("[image] {}: expected a JPEG or PNG file, it begins with{}.", name,
                              first_bytes(bytes)));
}

}  // namespace seqpe::data

#include "engine/data/image_cache_layout.h"

#include <zlib.h>

namespace seqpe::data::cache {

std::uint32_t checksum(std::span<const std::byte> bytes, std::uint32_t before) {
  return static_cast<std::uint32_t>(
      crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::uint32_t description_checksum(const Head& head, std::span<const std::byte> names,
                                   std::span<const std::byte> entries, const Foot& foot) {
  std::uint32_t sum = checksum(bytes_of(head));
  sum = checksum(names, sum);
  sum = checksum(entries, sum);
  return checksum(bytes_of(foot).first(offsetof(Foot, checksum)), sum);
}

}  // namespace seqpe::data::cache

// The parts of a cache file, little-endian as they lie in memory. docs/image_data.md draws them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace seqpe::data::cache {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a cache is read as it lies");

using Magic = std::array<char, 8>;

inline constexpr Magic kHeadMagic{'S', 'E', 'Q', 'P', 'E', 'I', 'M', 'G'};
inline constexpr Magic kFootMagic{'S', 'E', 'Q', 'P', 'E', 'E', 'N', 'D'};
inline constexpr std::uint32_t kVersion = 1;

enum class StoredSplit : std::uint32_t { train, test, all };
inline constexpr std::array kSplitNames{"train", "test", "all"};

/// The file's first bytes; the first image's pixels follow, then the next one's, without a gap.
struct Head {
  Magic magic;
  std::uint32_t version;
  StoredSplit split;
};
static_assert(sizeof(Head) == 16);

/// Behind the pixels come the classes' names, each ended by a zero byte, then one of these an
/// image.
struct Entry {
  std::uint64_t offset;  // of the pixels in the file
  std::uint32_t height, width, label;
  std::uint32_t checksum;  // CRC-32 of the pixels
};
static_assert(sizeof(Entry) == 24);

/// The file's last bytes.
struct Foot {
  std::uint64_t images, classes, name_bytes;
  std::uint64_t shorter_side;  // at most; 0: as they were
  std::uint32_t reserved;      // 0
  std::uint32_t checksum;      // CRC-32 of head, names, entries and of this down to `reserved`
  Magic magic;
};
static_assert(sizeof(Foot) == 48);

template <typename T>
std::span<const std::byte> bytes_of(const T& value) {
  static_assert(std::has_unique_object_representations_v<T>);
  return std::as_bytes(std::span(&value, 1));
}

/// CRC-32 of `bytes` behind those of which `before` is the CRC-32.
std::uint32_t checksum(std::span<const std::byte> bytes, std::uint32_t before = 0);

/// The checksum that belongs into `foot`.
std::uint32_t description_checksum(const Head& head, std::span<const std::byte> names,
                                   std::span<const std::byte> entries, const Foot& foot);

}  // namespace seqpe::data::cache

// JPEG and PNG files of known pixels, written without the libraries that read them.
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace seqpe::test {

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline std::string big_endian(std::uint32_t value, int bytes) {
  std::string text;
  while (bytes-- > 0) text += static_cast<char>(value >> (8 * bytes));
  return text;
}

/// A JPEG file of at most 8 x 8 pixels, each component of which has one value: 8 (value - 128) is
/// the first coefficient of its only block (all quantisers are 1), the others are 0.
inline std::string jpeg_file(std::uint32_t height, std::uint32_t width,
                             const std::vector<int>& values) {
  const auto segment = [](char marker, const std::string& content) {
    return std::string("\xff") + marker +
           big_endian(static_cast<std::uint32_t>(content.size() + 2), 2) + content;
  };
  const auto count = static_cast<char>(values.size());
  std::string frame = "\x08" + big_endian(height, 2) + big_endian(width, 2) + count;
  std::string scan(1, count);
  for (char component = 1; component <= count; ++component) {
    frame += {component, 0x11, 0};
    scan += {component, 0};
  }
  // Codes of 4 bits for the 12 categories of a first coefficient; of 1 bit for "all others are 0".
  std::string first = std::string(1, 0) + std::string(3, 0) + '\x0c' + std::string(12, 0);
  for (char category = 0; category < 12; ++category) first += category;
  const std::string others = "\x10\x01" + std::string(15, 0) + '\0';

  std::string bits;
  for (const int value : values) {
    const int coefficient = 8 * (value - 128);
    int category = 0;
    while (std::abs(coefficient) >> category != 0) ++category;
    const int number = coefficient < 0 ? coefficient + (1 << category) - 1 : coefficient;
    for (int bit = 3; bit >= 0; --bit) bits += static_cast<char>(category >> bit & 1);
    for (int bit = category - 1; bit >= 0; --bit) bits += static_cast<char>(number >> bit & 1);
    bits += '\0';
  }
  bits.resize((bits.size() + 7) / 8 * 8, 1);
  std::string data;
  for (std::size_t i = 0; i < bits.size(); i += 8) {
    int byte = 0;
    for (std::size_t bit = 0; bit < 8; ++bit) byte = 2 * byte + bits[i + bit];
    data += static_cast<char>(byte);
    if (byte == 255) data += '\0';
  }
  return "\xff\xd8" + segment('\xdb', std::string(1, 0) + std::string(64, 1)) +
         segment('\xc0', frame) + segment('\xc4', first) + segment('\xc4', others) +
         segment('\xda', scan + std::string("\0\x3f\0", 3)) + data + "\xff\xd9";
}

inline std::string png_chunk(const std::string& kind, const std::string& content) {
  const std::string checked = kind + content;
  return big_endian(static_cast<std::uint32_t>(content.size()), 4) + checked +
         big_endian(
             static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(checked.data()),
                                              static_cast<uInt>(checked.size()))),
             4);
}

/// A PNG file; `rows` are the bytes of each, `chunks` come before them (a palette, say).
inline std::string png_file(std::uint32_t height, std::uint32_t width, char bit_depth,
                            char color_type, const std::vector<std::string>& rows,
                            const std::string& chunks = "") {
  std::string unfiltered;
  for (const std::string& row : rows) unfiltered += '\0' + row;
  std::string packed(unfiltered.size() + 100, 0);
  uLongf size = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &size,
           reinterpret_cast<const Bytef*>(unfiltered.data()), unfiltered.size());
  packed.resize(size);
  return "\x89PNG\r\n\x1a\n" +
         png_chunk("IHDR", big_endian(width, 4) + big_endian(height, 4) + bit_depth + color_type +
                               std::string(3, 0)) +
         chunks + png_chunk("IDAT", packed) + png_chunk("IEND", "");
}

}  // namespace seqpe::test

// SHA-256 (FIPS 180-4).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "kernels/common/error.h"

namespace seqpe::io {

/// The hash of bytes that come in pieces.
class Sha256 {
 public:
  void add(const void* data, std::size_t bytes);
  /// A file's content, a megabyte at a time; returns its bytes.
  template <typename E = DataError>
  std::size_t add_file(const std::filesystem::path& path) {
    std::string error;
    const std::size_t bytes = add_file(path, error);
    if (!error.empty()) throw E(error);
    return bytes;
  }
  /// 64 hexadecimal digits, of all that was added. To be called once.
  std::string digest();

 private:
  std::size_t add_file(const std::filesystem::path& path, std::string& error);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> block_{};  // the first bytes_ % 64 of it wait for the others
  std::uint64_t bytes_ = 0;
};

/// The hash of bytes that are all here.
std::string sha256(const void* data, std::size_t bytes);

}  // namespace seqpe::io

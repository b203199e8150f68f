// A file as memory: its pages are read when they are looked at, and shared by all who look.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace seqpe::io {

/// The content of a regular file, which must not be cut shorter while this lives: whoever looks
/// behind its new end is killed by SIGBUS. Throws DataError if it cannot be read.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace seqpe::io

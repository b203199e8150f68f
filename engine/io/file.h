// Whole files, read and written so that errors name the file and a crash leaves either the old
// content or the new.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/common/error.h"

namespace seqpe::io {

/// Why the last system call failed, in words.
std::string system_error();

/// A regular file from its beginning. `error`, which must outlive this, is filled instead of
/// throwing; nothing more is read then.
class FileReader {
 public:
  FileReader(const std::filesystem::path& path, std::string& error);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;
  /// Bytes of the whole file.
  std::size_t size() const { return size_; }
  /// Reads the next bytes of it: so many, or up to an error.
  void read(void* to, std::size_t bytes);

 private:
  const std::filesystem::path path_;
  std::string& error_;
  int descriptor_;
  std::size_t size_ = 0, done_ = 0;
};

/// The content of a regular file. `error` is filled instead of throwing; read_file below throws.
std::vector<std::byte> read_file(const std::filesystem::path& path, std::string& error);

template <typename E = DataError>
std::vector<std::byte> read_file(const std::filesystem::path& path) {
  std::string error;
  std::vector<std::byte> bytes = read_file(path, error);
  if (!error.empty()) throw E(error);
  return bytes;
}

template <typename E = DataError>
std::string read_text(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file<E>(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Writes a new file; close() syncs it to disk. Throws Error with the path and the reason (a full
/// disk).
class FileWriter {
 public:
  explicit FileWriter(const std::filesystem::path& path);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  void write(const void* data, std::size_t bytes);
  void close();

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// Makes the entries of a folder durable, where its file system can.
void sync_directory(const std::filesystem::path& path);

/// Writes to a temporary name beside `path`, syncs, renames. If `write` throws, nothing is left.
void write_file_atomic(const std::filesystem::path& path,
                       const std::function<void(FileWriter&)>& write);
void write_file_atomic(const std::filesystem::path& path, std::string_view content);

/// Holds a folder for one process; a second one is refused with UsageError. Released when the
/// process ends, however.
class DirectoryLock {
 public:
  explicit DirectoryLock(const std::filesystem::path& directory);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace seqpe::io

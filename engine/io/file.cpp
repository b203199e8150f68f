#include "engine/io/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace seqpe::io {

std::string system_error() {
  return std::strerror(errno);
}

FileReader::FileReader(const std::filesystem::path& path, std::string& error)
    : path_(path),
      error_(error),
      descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {  // a pipe would wait
  struct stat status {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) {
    error_ = fmt::format("[file] cannot read {}: {}.", path_.string(), system_error());
  } else if (!S_ISREG(status.st_mode)) {
    error_ = fmt::format("[file] {} must be a file, it is something else.", path_.string());
  } else {
    size_ = static_cast<std::size_t>(status.st_size);
  }
}

FileReader::~FileReader() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void FileReader::read(void* to, std::size_t bytes) {
  for (auto* next = static_cast<std::byte*>(to); bytes > 0 && error_.empty();) {
    const ssize_t count = ::read(descriptor_, next, bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      error_ = fmt::format("[file] cannot read {}: {}.", path_.string(), system_error());
    } else if (count == 0) {
      error_ = fmt::format("[file] {} ends at byte {}, expected {}.", path_.string(), done_, size_);
    }
    const auto read = static_cast<std::size_t>(std::max<ssize_t>(count, 0));
    next += read;
    bytes -= read;
    done_ += read;
  }
}

std::vector<std::byte> read_file(const std::filesystem::path& path, std::string& error) {
  FileReader file(path, error);
  std::vector<std::byte> bytes(file.size());
  file.read(bytes.data(), bytes.size());
  return bytes;
}

FileWriter::FileWriter(const std::filesystem::path& path)
    : path_(path),
      descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  require(descriptor_ >= 0, "[file] cannot write {}: {}.", path_.string(), system_error());
}

FileWriter::~FileWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void FileWriter::write(const void* data, std::size_t bytes) {
  const auto* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t count = ::write(descriptor_, next, bytes);
    if (count < 0 && errno == EINTR) continue;
    require(count >= 0, "[file] cannot write {}: {}.", path_.string(), system_error());
    next += count;
    bytes -= static_cast<std::size_t>(count);
  }
}

void FileWriter::close() {
  const bool good = ::fsync(descriptor_) == 0;
  std::string reason = good ? "" : system_error();
  const bool closed = ::close(descriptor_) == 0;
  if (good && !closed) reason = system_error();
  descriptor_ = -1;
  require(good && closed, "[file] cannot write {}: {}.", path_.string(), reason);
}

void sync_directory(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  require(descriptor >= 0, "[file] cannot open folder {}: {}.", path.string(), system_error());
  const bool synced = ::fsync(descriptor) == 0 || errno == EINVAL;  // some cannot sync folders
  const std::string reason = system_error();
  ::close(descriptor);
  require(synced, "[file] cannot write folder {}: {}.", path.string(), reason);
}

void write_file_atomic(const std::filesystem::path& path,
                       const std::function<void(FileWriter&)>& write) {
  const std::filesystem::path temporary = path.string() + ".tmp";
  try {
    FileWriter writer(temporary);
    write(writer);
    writer.close();
    std::error_code error;
    std::filesystem::rename(temporary, path, error);
    require(!error, "[file] cannot write {}: {}.", path.string(), error.message());
  } catch (...) {
    std::error_code ignored;  // the first error is the one to tell
    std::filesystem::remove(temporary, ignored);
    throw;
  }
  sync_directory(path.has_parent_path() ? path.parent_path() : ".");
}

void write_file_atomic(const std::filesystem::path& path, std::string_view content) {
  write_file_atomic(path,
                    [&](FileWriter& writer) { writer.write(content.data(), content.size()); });
}

DirectoryLock::DirectoryLock(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / ".lock";
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  require<UsageError>(descriptor_ >= 0, "[run] cannot lock {}: {}.", path.string(), system_error());
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const bool held = errno == EWOULDBLOCK;
    const std::string reason = system_error();
    ::close(descriptor_);
    require<UsageError>(!held, "[run] {} is in use by another process. Hint: choose another --run.",
                        directory.string());
    throw UsageError(fmt::format("[run] cannot lock {}: {}.", path.string(), reason));
  }
}

DirectoryLock::~DirectoryLock() {
  ::close(descriptor_);
}

}  // namespace seqpe::io

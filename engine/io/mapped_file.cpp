#include "engine/io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "engine/io/file.h"

namespace seqpe::io {
namespace {

/// The pages stay mapped when it is closed.
class Descriptor {
 public:
  explicit Descriptor(const std::filesystem::path& path)
      : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}  // a pipe would wait
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Descriptor file(path);
  struct stat status {};
  const auto check = [&](bool done) {
    require<DataError>(done, "[file] cannot read {}: {}.", path.string(), system_error());
  };
  check(file.number() >= 0 && ::fstat(file.number(), &status) == 0);
  require<DataError>(S_ISREG(status.st_mode), "[file] {} must be a file, it is something else.",
                     path.string());
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;  // mmap refuses that
  void* const begin = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.number(), 0);
  check(begin != MAP_FAILED);
  bytes_ = {static_cast<const std::byte*>(begin), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace seqpe::io

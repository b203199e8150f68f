#include "kernels/common/memory_limit.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace seqpe {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();

/// The number in a file; kNone where there is no file, or the word "max" in it.
std::int64_t number_in(const fs::path& path) {
  std::ifstream file(path);
  std::int64_t number = kNone;
  return file >> number ? number : kNone;
}

std::int64_t machine_memory(const fs::path& root) {
  std::ifstream file(root / "proc/meminfo");
  std::string name;
  std::int64_t kilobytes = 0;
  return file >> name >> kilobytes && name == "MemTotal:" ? kilobytes * 1024 : kNone;
}

/// The smallest limit of `group` and those around it. A container sees its own group at the mount,
/// under the host's name for it: what is not there has no limit.
std::int64_t group_limit(const fs::path& mount, fs::path group, const char* file) {
  for (std::int64_t least = kNone;; group = group.parent_path()) {
    least = std::min(least, number_in(mount / group / file));
    if (group.empty()) return least;
  }
}

}  // namespace

std::int64_t memory_limit(const fs::path& root) {
  const fs::path mount = root / "sys/fs/cgroup";
  std::int64_t least = machine_memory(root);
  std::ifstream groups(root / "proc/self/cgroup");
  // "4:memory:/a/b" of version 1, "0::/a/b" of version 2.
  for (std::string line; std::getline(groups, line);) {
    const std::size_t begin = line.find(':'), end = line.find(':', begin + 1);
    if (begin == std::string::npos || end == std::string::npos) continue;
    const std::string controllers = line.substr(begin + 1, end - begin - 1);
    const fs::path group = fs::path(line.substr(end + 1)).relative_path();
    if (controllers.empty()) least = std::min(least, group_limit(mount, group, "memory.max"));
    if (controllers == "memory") {
      least = std::min(least, group_limit(mount / "memory", group, "memory.limit_in_bytes"));
    }
  }
  return least;
}

}  // namespace seqpe

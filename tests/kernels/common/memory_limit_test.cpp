#include "kernels/common/memory_limit.h"

#include "tests/support/temporary_directory.h"

namespace seqpe {
namespace {

using test::TemporaryDirectory;

constexpr std::int64_t kMachine = 8000 * std::int64_t{1024};

/// The files of a machine of 8000 KB.
void write_machine(const TemporaryDirectory& root, const std::string& groups) {
  for (const char* folder : {"proc/self", "sys/fs/cgroup/memory/a/b", "sys/fs/cgroup/a/b"})
    std::filesystem::create_directories(root / folder);
  root.write("proc/meminfo", "MemTotal:       8000 kB\nMemFree:        5 kB\n");
  root.write("proc/self/cgroup", groups);
}

TEST(MemoryLimit, IsTheMachinesWithoutControlGroups) {
  const TemporaryDirectory root;
  write_machine(root, "");
  EXPECT_EQ(memory_limit(root.path()), kMachine);
  std::filesystem::remove(root / "proc/self/cgroup");
  EXPECT_EQ(memory_limit(root.path()), kMachine);
}

TEST(MemoryLimit, IsTheSmallestOfTheGroupsAroundIt) {
  struct Case {
    const char *groups, *folder, *file;
  };
  for (const auto& [groups, folder, file] :
       {Case{"2:cpu:/\n4:memory:/a/b\n0::/\n", "sys/fs/cgroup/memory/", "memory.limit_in_bytes"},
        {"0::/a/b\n", "sys/fs/cgroup/", "memory.max"}}) {
    for (const char* group : {"a/b/", "a/", ""}) {
      const TemporaryDirectory root;
      write_machine(root, groups);
      for (const char* other : {"a/b/", "a/", ""})
        root.write(folder + std::string(other) + file, "max\n");
      root.write(folder + std::string(group) + file, "4096\n");
      EXPECT_EQ(memory_limit(root.path()), 4096) << groups << group;
      root.write(folder + std::string(group) + file, "9223372036854771712\n");
      EXPECT_EQ(memory_limit(root.path()), kMachine) << groups << group;
    }
  }
}

TEST(MemoryLimit, OfAContainerThatHasTheHostsNameForItsGroup) {
  const TemporaryDirectory root;
  write_machine(root, "4:memory:/docker/0123\n");
  root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "4096\n");
  EXPECT_EQ(memory_limit(root.path()), 4096);
}

TEST(MemoryLimit, OfThisMachineIsSomething) {
  EXPECT_GT(memory_limit(), 1 << 20);
  EXPECT_LT(memory_limit(), std::int64_t{1} << 50);
}

}  // namespace
}  // namespace seqpe

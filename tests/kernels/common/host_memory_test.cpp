#include "kernels/common/host_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

namespace seqpe::kernels {
namespace {

using Block = std::unique_ptr<void, decltype(&std::free)>;

Block block_of(std::size_t bytes) {
  return {allocate_on_host(bytes), std::free};
}

TEST(HostMemory, IsAlignedAndWritable) {
  for (const std::size_t bytes : {1u, 64u, 100u, 4096u, 1u << 20u, (5u << 20u) + 12u}) {
    const Block block = block_of(bytes);
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.get()) % 64, 0u) << bytes;
    std::memset(block.get(), 1, bytes);
  }
}

#ifndef __SANITIZE_ADDRESS__  // whose aligned_alloc ends the process instead of returning null
TEST(HostMemory, WhatTheSystemHasNotIsNull) {
  EXPECT_EQ(block_of(std::size_t{1} << 60), nullptr);
}
#endif

/// The flags of the mapping that an address lies in, as Linux tells them; empty where it does not.
std::string flags_at(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    unsigned long begin = 0, end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2)
      inside = begin <= wanted && wanted < end;
    if (inside && line.rfind("VmFlags:", 0) == 0) return line + " ";
  }
  return {};
}

TEST(HostMemory, LargeBlocksAskForLargePages) {
  const Block large = block_of(std::size_t{16} << 20);
  const std::string flags = flags_at(static_cast<char*>(large.get()) + (8u << 20u));
  if (flags.empty() || !std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled"))
    GTEST_SKIP() << "this system does not tell";
  EXPECT_NE(flags.find(" hg "), std::string::npos) << flags;
}

}  // namespace
}  // namespace seqpe::kernels

#include "kernels/common/host_memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

namespace seqpe::kernels {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::uintptr_t kPage = 4096;
constexpr std::size_t kLarge = std::size_t{1} << 20;

}  // namespace

void* allocate_on_host(std::size_t bytes) {
  void* const block =
      std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  if (block == nullptr || bytes < kLarge) return block;
  // All pages that it touches, so that blocks side by side can share a large one. Advice: where the
  // system knows no such pages the block works as it is.
  const std::uintptr_t before = reinterpret_cast<std::uintptr_t>(block) % kPage;
  ::madvise(static_cast<char*>(block) - before, before + bytes, MADV_HUGEPAGE);
  return block;
}

}  // namespace seqpe::kernels

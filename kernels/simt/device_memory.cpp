#include "kernels/simt/device_memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "kernels/common/error.h"

namespace seqpe::simt {
namespace {

constexpr std::size_t kAlignment = 256;
// Between blocks, so that an address a little beyond one is nobody's.
constexpr std::size_t kRedZone = 256;

std::mutex mutex;
/// By first address.
std::map<const std::byte*, DeviceBlock>& blocks() {
  static auto* const all = new std::map<const std::byte*, DeviceBlock>;
  return *all;
}

}  // namespace

void* allocate_device(std::size_t bytes) {
  if (bytes > (std::size_t{1} << 46)) return nullptr;
#if defined(__SANITIZE_ADDRESS__)
  // Its own red zones begin at the last byte.
  void* memory = nullptr;
  if (::posix_memalign(&memory, kAlignment, std::max<std::size_t>(bytes, 1)) != 0) return nullptr;
#else
  void* memory =
      std::aligned_alloc(kAlignment, (bytes + kRedZone + kAlignment - 1) / kAlignment * kAlignment);
  if (memory == nullptr) return nullptr;
#endif
  std::memset(memory, 0xff, bytes);
  const std::lock_guard lock(mutex);
  auto* begin = static_cast<std::byte*>(memory);
  blocks()[begin] = {begin, bytes};
  return memory;
}

void free_device(void* pointer) {
  if (pointer == nullptr) return;
  {
    const std::lock_guard lock(mutex);
    const auto found = blocks().find(static_cast<std::byte*>(pointer));
    require(found != blocks().end(), "[simt] {} is no block of device memory.", pointer);
    std::memset(pointer, 0xff, found->second.bytes);  // who still reads it shall notice
    blocks().erase(found);
  }
  std::free(pointer);
}

std::optional<DeviceBlock> find_device_block(const void* pointer) {
  const auto* byte = static_cast<const std::byte*>(pointer);
  const std::lock_guard lock(mutex);
  auto found = blocks().upper_bound(byte);
  if (found == blocks().begin()) return std::nullopt;
  --found;
  const DeviceBlock& block = found->second;
  if (byte >= block.begin + block.bytes) return std::nullopt;
  return block;
}

}  // namespace seqpe::simt

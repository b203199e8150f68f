#include "kernels/simt/device_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "kernels/common/error.h"
#include "kernels/simt/observer.h"

namespace seqpe::simt {
namespace {

constexpr std::size_t kAlignment = 256;
// Between blocks, so that an address a little beyond one is nobody's.
constexpr std::size_t kRedZone = 256;

struct Block {
  DeviceBlock memory;
  bool mapped;  // by mmap
};

std::mutex mutex;
std::size_t bytes_in_blocks = 0, capacity = std::size_t{1} << 46;  // but for mapped ones
/// By first address.
std::map<const std::byte*, Block>& blocks() {
  static auto* const all = new std::map<const std::byte*, Block>;
  return *all;
}

void* registered(void* memory, std::size_t bytes, bool mapped) {
  static unsigned allocations = 0;
  const std::lock_guard lock(mutex);
  auto* begin = static_cast<std::byte*>(memory);
  blocks()[begin] = {{begin, bytes, ++allocations}, mapped};
  if (!mapped) bytes_in_blocks += bytes;
  return memory;
}

}  // namespace

void* allocate_device(std::size_t bytes) {
  {
    const std::lock_guard lock(mutex);
    if (bytes_in_blocks > capacity || bytes > capacity - bytes_in_blocks) return nullptr;
  }
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
  return registered(memory, bytes, false);
}

void* allocate_zeroed_device(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes + kRedZone, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  registered(memory, bytes, true);
  observe_other_write(memory, bytes);
  return memory;
}

void free_device(void* pointer) {
  if (pointer == nullptr) return;
  {
    const std::lock_guard lock(mutex);
    const auto found = blocks().find(static_cast<std::byte*>(pointer));
    require(found != blocks().end(), "[simt] {} is no block of device memory.", pointer);
    const auto [memory, mapped] = found->second;
    blocks().erase(found);
    if (mapped) {
      ::munmap(pointer, memory.bytes + kRedZone);
      return;
    }
    bytes_in_blocks -= memory.bytes;
    std::memset(pointer, 0xff, memory.bytes);  // who still reads it shall notice
  }
  std::free(pointer);
}

void set_device_capacity(std::size_t bytes) {
  const std::lock_guard lock(mutex);
  capacity = bytes;
}

void check_range(const void* begin, std::size_t bytes) {
  const auto block = find_device_block(begin);
  require(block.has_value(), "[simt] {} is no device memory.", begin);
  const auto place = static_cast<std::size_t>(static_cast<const std::byte*>(begin) - block->begin);
  require(bytes <= block->bytes - place,
          "[simt] {} bytes at place {} of a block of device memory must end in it, it has {}.",
          bytes, place, block->bytes);
}

void write_device(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;  // null of no bytes is no argument of memcpy
  check_range(to, bytes);
  std::memcpy(to, from, bytes);
  observe_other_write(to, bytes);
}

std::optional<DeviceBlock> find_device_block(const void* pointer) {
  const auto* byte = static_cast<const std::byte*>(pointer);
  const std::lock_guard lock(mutex);
  auto found = blocks().upper_bound(byte);
  if (found == blocks().begin()) return std::nullopt;
  --found;
  const DeviceBlock& block = found->second.memory;
  if (byte >= block.begin + block.bytes) return std::nullopt;
  return block;
}

std::vector<DeviceBlock> device_blocks() {
  const std::lock_guard lock(mutex);
  std::vector<DeviceBlock> all;
  for (const auto& [begin, block] : blocks()) all.push_back(block.memory);
  return all;
}

}  // namespace seqpe::simt

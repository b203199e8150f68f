// Blocks that launchers take in turn. On one stream the next launch may have a block as soon as the
// one before is queued, and so may recorded work: no launcher reads what another left.
#include "kernels/cuda/scratch.h"

#include <map>
#include <mutex>

#include "kernels/common/block_pool.h"
#include "kernels/cuda/memory_shortage.h"
#include "kernels/device.h"
#include "kernels/recording.h"

namespace seqpe::kernels {
namespace {

struct Pools {
  std::mutex mutex;
  std::map<void*, BlockPool> of_stream;
  std::size_t bytes = 0;
};

Pools& pools() {
  static auto* const pools = new Pools;  // CUDA may be gone before objects of static lifetime
  return *pools;
}

/// Sizes near each other share a block.
std::size_t block_size(std::size_t bytes) {
  constexpr std::size_t kUnit = std::size_t{64} << 10;
  return (bytes + kUnit - 1) / kUnit * kUnit;
}

/// Null if the device has no such memory.
void* take(void* stream, std::size_t size) {
  const std::lock_guard lock(pools().mutex);
  BlockPool& pool = pools().of_stream[stream];
  if (void* block = pool.take(size, 2 * size)) return block;
  void* block = allocate_on_device(size);
  if (block == nullptr) return nullptr;
  pool.add(block, size);
  pools().bytes += size;
  return block;
}

}  // namespace

std::size_t scratch_on_device() {
  const std::lock_guard lock(pools().mutex);
  return pools().bytes;
}

void release_scratch_on_device() {
  if (recordings() > 0) return;  // they hold the addresses
  const std::lock_guard lock(pools().mutex);
  for (auto& [stream, pool] : pools().of_stream) pools().bytes -= pool.release(free_on_device);
}

namespace cuda {

DeviceScratch::DeviceScratch(const Context& context, std::size_t bytes)
    : context_(context), block_(nullptr) {
  if (bytes == 0) return;
  const std::size_t size = block_size(bytes);
  block_ = allocate_or_ask(size, kScratchUse, [&] { return take(context.stream, size); });
}

DeviceScratch::~DeviceScratch() {
  if (block_ == nullptr) return;
  const std::lock_guard lock(pools().mutex);
  pools().of_stream[context_.stream].give_back(block_);
}

}  // namespace cuda
}  // namespace seqpe::kernels

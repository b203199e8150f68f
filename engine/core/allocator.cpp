#include "engine/core/allocator.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <mutex>

#include "kernels/common/block_pool.h"
#include "kernels/common/error.h"
#include "kernels/common/host_memory.h"
#include "kernels/common/scratch.h"
#include "kernels/device.h"
#include "kernels/recording.h"

namespace seqpe {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kLargestRequest = std::numeric_limits<std::ptrdiff_t>::max();
constexpr std::size_t kLargeBlock = std::size_t{1} << 20;
// A cached block serves a request if it is at most this much larger.
constexpr std::size_t kWasteDivisor = 8;

std::size_t round_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

bool step_memory = false;  // whether a StepMemory lives

/// Small blocks are rounded to their alignment, large ones to 64 KiB, so that near equal sizes
/// share blocks.
std::size_t block_size(std::size_t bytes) {
  if (bytes < kLargeBlock) return round_up(std::max<std::size_t>(bytes, 1), kAlignment);
  return round_up(bytes, std::size_t{64} << 10);
}

/// Where blocks come from and go to; allocate gives null if there is no memory. Kernels keep
/// working memory of their own on the CPU. On a device, work may be recorded and played later.
struct Source {
  const char* name;
  void* (*allocate)(std::size_t bytes);
  void (*free)(void* block);
  std::size_t (*kept_by_kernels)();
  void (*release_kept)();
  std::string (*memory_left)();  // for a message
  bool records;
};

class CachingAllocator final : public Allocator {
 public:
  explicit CachingAllocator(const Source& source) : source_(source) {}
  ~CachingAllocator() override { release_cached(); }

  void* allocate(std::size_t bytes) override {
    const std::lock_guard lock(mutex_);
    // Rounding a size near the largest would wrap to a small one.
    void* block = bytes <= kLargestRequest ? find_block(block_size(bytes)) : nullptr;
    require<OutOfMemoryError>(
        block != nullptr,
        "[{}] out of memory; asked {} bytes, {} bytes are in live tensors, {} are held{}. Hint: "
        "smaller micro-batches (train.micro_batch_size) or shorter sequences.",
        source_.name, bytes, stats_.current, stats_.reserved + source_.kept_by_kernels(),
        source_.memory_left());
    stats_.current += bytes;
    stats_.peak = std::max(stats_.peak, stats_.current);
    return block;
  }

  void deallocate(void* block, std::size_t bytes) override {
    const std::lock_guard lock(mutex_);
    stats_.current -= bytes;
    if (recorded_.lent(block)) return recorded_.give_back(block);
    // What is being recorded may read it: at every play, too.
    pool_.give_back_to(records_now() ? recorded_ : pool_, block);
  }

  MemoryStats stats() const override {
    const std::lock_guard lock(mutex_);
    MemoryStats stats = stats_;
    stats.reserved += source_.kept_by_kernels();
    return stats;
  }

  void reset_peak() override {
    const std::lock_guard lock(mutex_);
    stats_.peak = stats_.current;
  }

  void release_cached() override {
    const std::lock_guard lock(mutex_);
    drop_cached();
  }

 private:
  bool records_now() const { return source_.records && kernels::is_recording(); }

  void* find_block(std::size_t wanted) {
    kernels::BlockPool& pool =
        records_now() || (source_.records && step_memory) ? recorded_ : pool_;
    void* block = pool.take(wanted, wanted + wanted / kWasteDivisor);
    return block != nullptr ? block : take_from_system(wanted, pool);
  }

  /// Null if the system has no such memory.
  void* take_from_system(std::size_t wanted, kernels::BlockPool& pool) {
    void* block = source_.allocate(wanted);
    if (block == nullptr && !records_now()) {  // freeing would break the recording
      drop_cached();
      block = source_.allocate(wanted);
    }
    if (block == nullptr) return nullptr;
    try {
      pool.add(block, wanted);
    } catch (...) {
      source_.free(block);
      throw;
    }
    stats_.reserved += wanted;
    return block;
  }

  void drop_cached() {
    stats_.reserved -= pool_.release(source_.free);
    if (source_.records && kernels::recordings() == 0)
      stats_.reserved -= recorded_.release(source_.free);
    source_.release_kept();
  }

  const Source source_;
  mutable std::mutex mutex_;
  kernels::BlockPool pool_;
  // Recorded work writes to blocks that look free, each time that it is played. Other recordings
  // may use them too, and steps that are told: the stream runs one after the other.
  kernels::BlockPool recorded_;
  MemoryStats stats_;
};

}  // namespace

StepMemory::StepMemory() {
  step_memory = true;
}
StepMemory::~StepMemory() {
  step_memory = false;
}

Allocator& allocator(Device device) {
  // Never destroyed: tensors of static lifetime may outlive any order of destruction.
  static auto* const cpu = [] {
    kernels::Scratch::on_shortage([] { allocator(Device::cpu).release_cached(); });
    return new CachingAllocator({"cpu", kernels::allocate_on_host, std::free,
                                 kernels::Scratch::reserved, kernels::Scratch::release_cached,
                                 [] { return std::string(); }, false});
  }();
  if (device == Device::cpu) return *cpu;
  require<DeviceError>(kernels::cuda_device() != kernels::CudaDevice::none,
                       "[allocator] this build has no device {}.", name_of(device));
  static auto* const cuda = [] {
    kernels::on_memory_shortage_on_device([] { allocator(Device::cuda).release_cached(); });
    return new CachingAllocator({"cuda", kernels::allocate_on_device, kernels::free_on_device,
                                 kernels::scratch_on_device, kernels::release_scratch_on_device,
                                 kernels::memory_left_on_device, true});
  }();
  return *cuda;
}

}  // namespace seqpe

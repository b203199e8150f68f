#include "kernels/common/scratch.h"

#include <atomic>
#include <cstdlib>
#include <mutex>

#include "kernels/common/block_pool.h"
#include "kernels/common/error.h"
#include "kernels/common/host_memory.h"

namespace seqpe::kernels {
namespace {

constexpr std::size_t kGranularity = 4096;

std::atomic<void (*)()> release_others = nullptr;

/// Blocks in use and blocks that wait for their next use. Kernels ask for few different sizes, a
/// step after the other.
class Pool {
 public:
  /// Null if the system has no such memory.
  void* take(std::size_t bytes) {
    if (void* block = take_waiting(bytes)) return block;
    if (void* block = take_from_system(bytes)) return block;
    release();
    if (auto* const release_more = release_others.load()) release_more();
    return take_from_system(bytes);
  }
  void give_back(void* block) {
    const std::lock_guard lock(mutex_);
    blocks_.give_back(block);
  }
  void release() {
    const std::lock_guard lock(mutex_);
    reserved_ -= blocks_.release(std::free);
  }
  std::size_t reserved() {
    const std::lock_guard lock(mutex_);
    return reserved_;
  }

 private:
  /// A block at most twice as large as asked for.
  void* take_waiting(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    return blocks_.take(bytes, 2 * bytes);
  }
  void* take_from_system(std::size_t bytes) {
    void* block = allocate_on_host(bytes);
    if (block == nullptr) return nullptr;
    const std::lock_guard lock(mutex_);
    try {
      blocks_.add(block, bytes);
    } catch (...) {
      std::free(block);
      throw;
    }
    reserved_ += bytes;
    return block;
  }

  std::mutex mutex_;
  BlockPool blocks_;
  std::size_t reserved_ = 0;
};

Pool& pool() {
  // Never destroyed, as the allocator of tensors, which gives its blocks back.
  static auto* const instance = new Pool;
  return *instance;
}

}  // namespace

Scratch::Scratch(std::size_t bytes) {
  if (bytes == 0) return;
  block_ = pool().take((bytes + kGranularity - 1) / kGranularity * kGranularity);
  require<OutOfMemoryError>(block_ != nullptr,
                            "[cpu] out of memory: a kernel asked for {} bytes of scratch.", bytes);
}

Scratch::~Scratch() {
  if (block_ != nullptr) pool().give_back(block_);
}

std::size_t Scratch::reserved() {
  return pool().reserved();
}

void Scratch::release_cached() {
  pool().release();
}

void Scratch::on_shortage(void (*release)()) {
  release_others = release;
}

}  // namespace seqpe::kernels

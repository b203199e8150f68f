#include "kernels/common/scratch.h"

#include <cstdlib>
#include <map>
#include <mutex>

#include "kernels/common/error.h"

namespace seqpe::kernels {
namespace {

constexpr std::size_t kGranularity = 4096;

/// Blocks that wait for their next use, by size. Kernels ask for few different sizes, a step after
/// the other.
class Pool {
 public:
  void* take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto found = free_.lower_bound(bytes);
    if (found == free_.end() || found->first > 2 * bytes) return nullptr;
    void* block = found->second;
    sizes_[block] = found->first;
    free_.erase(found);
    return block;
  }
  void give_back(void* block, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto known = sizes_.find(block);
    if (known != sizes_.end()) {
      bytes = known->second;
      sizes_.erase(known);
    }
    free_.emplace(bytes, block);
  }
  ~Pool() {
    for (const auto& [bytes, block] : free_) std::free(block);
  }

 private:
  std::mutex mutex_;
  std::multimap<std::size_t, void*> free_;
  std::map<void*, std::size_t> sizes_;  // of blocks handed out that are larger than asked for
};

Pool& pool() {
  static Pool instance;
  return instance;
}

}  // namespace

Scratch::Scratch(std::size_t bytes)
    : bytes_((bytes + kGranularity - 1) / kGranularity * kGranularity) {
  if (bytes_ == 0) return;
  block_ = pool().take(bytes_);
  if (block_ == nullptr) block_ = std::aligned_alloc(64, bytes_);
  require<DeviceError>(block_ != nullptr,
                       "[cpu] out of memory: a kernel asked for {} bytes of scratch.", bytes_);
}

Scratch::~Scratch() {
  if (block_ != nullptr) pool().give_back(block_, bytes_);
}

}  // namespace seqpe::kernels

#include <algorithm>
#include <bit>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "kernels/common/error.h"
#include "kernels/cuda/check_cuda.h"
#include "kernels/cuda/staging.h"

namespace seqpe::kernels::cuda {

using simt::check_cuda;

struct Staging::Block {
  void* data = nullptr;
  std::size_t size = 0;
  cudaEvent_t passed = nullptr;
  bool held = false;
};

namespace {

/// As many blocks as copies were ever under way at once: those of two steps.
class Pool {
 public:
  Staging::Block* take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const std::size_t size = std::bit_ceil(std::max<std::size_t>(bytes, 256));
    for (const auto& block : blocks_) {
      if (block->held || block->size != size) continue;
      const cudaError_t passed = cudaEventQuery(block->passed);
      if (passed == cudaErrorNotReady) continue;
      check_cuda(passed, "cudaEventQuery");
      block->held = true;
      return block.get();
    }
    auto block = std::make_unique<Staging::Block>();
    const cudaError_t allocated = cudaHostAlloc(&block->data, size, cudaHostAllocDefault);
    if (allocated == cudaErrorMemoryAllocation) cudaGetLastError();
    require<OutOfMemoryError>(
        allocated != cudaErrorMemoryAllocation,
        "[cuda] out of memory; asked {} bytes of the host's memory, page-locked, for copies.",
        size);
    check_cuda(allocated, "cudaHostAlloc");
    check_cuda(cudaEventCreateWithFlags(&block->passed, cudaEventDisableTiming),
               "cudaEventCreateWithFlags");
    block->size = size;
    block->held = true;
    blocks_.push_back(std::move(block));
    return blocks_.back().get();
  }
  void give_back(Staging::Block& block) {
    const std::lock_guard lock(mutex_);
    block.held = false;
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Staging::Block>> blocks_;
};

Pool& pool() {
  static auto* const pool = new Pool;  // CUDA may be gone before objects of static lifetime
  return *pool;
}

}  // namespace

Staging::Staging(std::size_t bytes) : block_(pool().take(bytes)) {}

Staging::~Staging() {
  if (block_ != nullptr) pool().give_back(*block_);
}

Staging::Staging(Staging&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}

void* Staging::data() const {
  return block_->data;
}

void Staging::mark(cudaStream_t stream) const {
  check_cuda(cudaEventRecord(block_->passed, stream), "cudaEventRecord");
}

const void* Staging::wait() const {
  check_cuda(cudaEventSynchronize(block_->passed), "cudaEventSynchronize");
  return block_->data;
}

}  // namespace seqpe::kernels::cuda

#include "kernels/common/parallel.h"

namespace seqpe::kernels {

FirstError::FirstError() = default;
FirstError::~FirstError() = default;

void FirstError::keep() noexcept {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = std::current_exception();
}

void FirstError::rethrow() const {
  if (error_) std::rethrow_exception(error_);
}

ChunkShares::ChunkShares(std::int64_t chunks, int threads)
    : shares_(static_cast<std::size_t>(threads)) {
  for (std::int64_t i = 0; i < threads; ++i) {
    Share& share = shares_[static_cast<std::size_t>(i)];
    share.next.store(chunks * i / threads, std::memory_order_relaxed);
    share.end = chunks * (i + 1) / threads;
  }
}

ChunkShares::~ChunkShares() = default;

std::int64_t ChunkShares::take(int thread) {
  const auto first = static_cast<std::size_t>(thread);
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    Share& share = shares_[(first + i) % shares_.size()];
    // A look before the count moves: beyond the end it would move for every thread that comes by.
    if (share.next.load(std::memory_order_relaxed) >= share.end) continue;
    const std::int64_t chunk = share.next.fetch_add(1, std::memory_order_relaxed);
    if (chunk < share.end) return chunk;
  }
  return -1;
}

}  // namespace seqpe::kernels

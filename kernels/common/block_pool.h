// Blocks of memory that are used again and again.
#pragma once

#include <cstddef>
#include <map>
#include <unordered_map>
#include <utility>

namespace seqpe::kernels {

/// Blocks by size: those in use, and those that wait for their next use. Giving one back asks for
/// no memory, so that it cannot fail. Callers keep threads apart.
class BlockPool {
 public:
  /// The smallest block that waits, of `bytes` to `most`; null if there is none.
  void* take(std::size_t bytes, std::size_t most) {
    const auto found = waiting_.lower_bound(bytes);
    return found == waiting_.end() || found->first > most ? nullptr : use(found);
  }

  /// Keeps a new block, in use from now on. Where this throws, the block is still the caller's.
  void add(void* block, std::size_t bytes) { used_[block] = node_of(block, bytes); }

  /// Whether it is one of those in use.
  bool lent(void* block) const noexcept { return used_.contains(block); }

  void give_back(void* block) noexcept { give_back_to(*this, block); }
  /// From now on it is a block of `other`, where it waits.
  void give_back_to(BlockPool& other, void* block) noexcept {
    const auto found = used_.find(block);
    other.waiting_.insert(std::move(found->second));
    used_.erase(found);
  }

  /// Hands every block that waits to `free`; returns their bytes.
  std::size_t release(void (*free)(void* block)) {
    std::size_t released = 0;
    for (const auto& [bytes, block] : waiting_) {
      released += bytes;
      free(block);
    }
    waiting_.clear();
    return released;
  }

 private:
  using Waiting = std::multimap<std::size_t, void*>;

  void* use(Waiting::iterator place) {
    void* block = place->second;
    auto& node = used_[block];  // throws before the block is taken out
    node = waiting_.extract(place);
    return block;
  }
  static Waiting::node_type node_of(void* block, std::size_t bytes) {
    Waiting one;
    return one.extract(one.emplace(bytes, block));
  }

  Waiting waiting_;
  std::unordered_map<void*, Waiting::node_type> used_;
};

}  // namespace seqpe::kernels

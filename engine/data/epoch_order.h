// An endless walk over items, each epoch in an order of its own: the blocks of training, or
// whatever else each step takes its share of.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace seqpe::data {

/// Which of `count` items is number `n` of the walk: every epoch walks all of them in a shuffled
/// order that is a function of (seed, stream, epoch) alone, so training resumes anywhere without
/// stored state. What an object keeps is the order of the last epoch asked for.
/// Throws Error unless there is an item.
class EpochOrder {
 public:
  EpochOrder(std::int64_t count, std::uint64_t seed, std::string_view stream);
  std::int64_t at(std::int64_t n);

 private:
  std::int64_t count_;
  std::uint64_t seed_;
  std::uint32_t stream_;
  std::int64_t epoch_ = -1;
  std::vector<std::int64_t> order_;
};

}  // namespace seqpe::data

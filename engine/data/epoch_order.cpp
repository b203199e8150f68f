#include "engine/data/epoch_order.h"

#include <numeric>

#include "engine/core/random.h"
#include "engine/core/stream_id.h"
#include "kernels/common/error.h"

namespace seqpe::data {

EpochOrder::EpochOrder(std::int64_t count, std::uint64_t seed, std::string_view stream)
    : count_(count), seed_(seed), stream_(stream_id(stream)) {
  require(count > 0, "[epoch_order] needs at least one item, got {}.", count);
  order_.resize(static_cast<std::size_t>(count));
}

std::int64_t EpochOrder::at(std::int64_t n) {
  const std::int64_t epoch = n / count_;
  if (epoch != epoch_) {
    std::iota(order_.begin(), order_.end(), std::int64_t{0});
    PhiloxGenerator({.seed = seed_, .stream = stream_, .step = static_cast<std::uint32_t>(epoch)})
        .shuffle(std::span<std::int64_t>(order_));
    epoch_ = epoch;
  }
  return order_[static_cast<std::size_t>(n % count_)];
}

}  // namespace seqpe::data

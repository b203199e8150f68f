#include "models/positions/prefix_positions.h"

namespace seqpe::models {

PrefixPositions::PrefixPositions(const PositionEncoding& encoding, std::int64_t start,
                                 std::int64_t longest)
    : encoding_(encoding), start_(start), shared_(encoding.shorter_is_prefix(longest)) {
  if (shared_) all_ = encoding.embed(line(longest, {start}), {});
}

Tensor PrefixPositions::of(std::int64_t length) const {
  if (!shared_) return encoding_.embed(line(length, {start_}), {});
  if (!all_.defined() || all_.dim(1) == length) return all_;
  const std::int64_t width = all_.dim(2);
  return all_.view({all_.dim(1), width}).rows(0, length).view({1, length, width});
}

}  // namespace seqpe::models

#include "engine/optim/buckets.h"

#include <iterator>

namespace seqpe::optim {

std::vector<Range> bucket_ranges(const ParameterGroup& group, double megabytes) {
  const auto most = static_cast<std::int64_t>(megabytes * 1e6) /
                    static_cast<std::int64_t>(size_of(group.gradient().dtype()));
  std::vector<Range> buckets;
  const auto& slices = group.slices();
  for (const bool decay : {true, false}) {
    const std::size_t before = buckets.size();
    for (auto slice = slices.rbegin(); slice != slices.rend(); ++slice) {
      if (slice->parameter.decay != decay) continue;
      const bool is_first = std::next(slice) == slices.rend();
      if (buckets.size() > before && !is_first && buckets.back().end - slice->begin <= most) {
        buckets.back().begin = slice->begin;
      } else {
        buckets.push_back({slice->begin, slice->end});
      }
    }
  }
  return buckets;
}

Range piece_of(const Range& bucket, int rank, int size) {
  const std::int64_t length = bucket.size() / size, begin = bucket.begin + rank * length;
  return {begin, begin + length};
}

Range pieces_of(const Range& bucket, int size) {
  return {bucket.begin, bucket.begin + bucket.size() / size * size};
}

Range left_over(const Range& bucket, int size) {
  return {pieces_of(bucket, size).end, bucket.end};
}

}  // namespace seqpe::optim

#include "engine/train/zero.h"

namespace seqpe::train {
namespace {

using optim::Range;

Tensor part(const Tensor& flat, const Range& range) {
  return flat.rows(range.begin, range.end);
}

}  // namespace

Zero::Zero(std::vector<optim::ParameterGroup>& groups, dist::ProcessGroup& ranks,
           const dist::DistConfig& dist)
    : groups_(groups), ranks_(ranks) {
  for (optim::ParameterGroup& group : groups_) {
    buckets_.push_back(optim::bucket_ranges(group, dist.bucket_mb));
    std::vector<Range> updated, counted;
    for (const Range& bucket : buckets_.back()) {
      const Range own = piece_of(bucket, ranks.rank(), ranks.size()),
                  rest = left_over(bucket, ranks.size());
      if (own.size() > 0) updated.push_back(own);
      if (own.size() > 0) counted.push_back(own);
      // Fewer elements than ranks are updated by all, and counted by one.
      if (rest.size() > 0) updated.push_back(rest);
      if (rest.size() > 0 && ranks.is_first()) counted.push_back(rest);
    }
    if (dist.deterministic) counted = {{0, group.size()}};
    group.own(std::move(updated), std::move(counted));
  }
}

void Zero::gather_values() const {
  std::vector<std::unique_ptr<dist::Pending>> pending;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    for (const Range& bucket : buckets_[g]) {
      const Range pieces = pieces_of(bucket, ranks_.size());
      if (pieces.size() > 0) pending.push_back(ranks_.all_gather(part(groups_[g].value(), pieces)));
    }
  }
  for (const auto& each : pending) each->wait();
  for (const optim::ParameterGroup& group : groups_) group.round_values();
}

/// `moment`: m or v of a group, of this rank's elements. Undefined but on rank 0.
Tensor Zero::gather(std::size_t group, const Tensor& moment) const {
  Tensor all;
  if (ranks_.is_first()) all = Tensor::empty({groups_[group].size()}, moment.dtype());
  std::int64_t begin = 0;
  const auto next = [&](std::int64_t count) {
    begin += count;
    return moment.rows(begin - count, begin);
  };
  for (const Range& bucket : buckets_[group]) {
    const Range pieces = pieces_of(bucket, ranks_.size()), rest = left_over(bucket, ranks_.size());
    if (pieces.size() > 0) {
      const Tensor together = Tensor::empty({pieces.size()}, moment.dtype(), moment.device());
      const Range own = optim::piece_of({0, pieces.size()}, ranks_.rank(), ranks_.size());
      part(together, own).copy_from(next(own.size()));
      ranks_.all_gather(together)->wait();
      if (all.defined()) part(all, pieces).copy_from(together);
    }
    if (rest.size() == 0) continue;
    const Tensor own = next(rest.size());
    if (all.defined()) part(all, rest).copy_from(own);
  }
  return all;
}

std::vector<std::pair<std::string, Tensor>> Zero::gather_moments() const {
  std::vector<std::pair<std::string, Tensor>> out;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const Tensor m = gather(g, groups_[g].m()), v = gather(g, groups_[g].v());
    if (!m.defined()) continue;
    for (auto& named : groups_[g].by_name(m, v)) out.push_back(std::move(named));
  }
  return out;
}

void Zero::take_moments(const std::vector<std::pair<Tensor, Tensor>>& all) const {
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    std::int64_t begin = 0;
    for (const Range& range : groups_[g].updated()) {
      const Range own{begin, begin + range.size()};
      part(groups_[g].m(), own).copy_from(part(all[g].first, range));
      part(groups_[g].v(), own).copy_from(part(all[g].second, range));
      begin = own.end;
    }
  }
}

}  // namespace seqpe::train

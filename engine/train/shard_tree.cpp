#include "engine/train/shard_tree.h"

#include "engine/autograd/backward.h"
#include "engine/dist/tree_sum.h"
#include "kernels/device.h"

namespace seqpe::train {
namespace {

void add_to(const std::vector<Tensor>& sums, const std::vector<Tensor>& addends) {
  for (std::size_t i = 0; i < sums.size(); ++i)
    dist::add_numbers(sums[i].context(), sums[i], addends[i]);
}

}  // namespace

Tensor ShardTree::run(const Tensor& shared, const Loss& loss) {
  std::vector<Tensor> sums;
  std::vector<std::vector<Tensor>> subtrees;  // [level]: the sum of 2^level shards
  for (std::int64_t index = 0; index < count(); ++index) {
    sums = one_shard(index, shared, loss);
    // As a binary counter carries: the bits of `index` tell which subtrees wait for a partner.
    std::size_t level = 0;
    for (; index >> level & 1; ++level) add_to(sums, subtrees[level]);
    if (index + 1 == count()) break;
    if (level == subtrees.size()) {
      subtrees.emplace_back();
      for (const Tensor& sum : sums)
        subtrees[level].push_back(Tensor::empty(sum.shape(), sum.dtype(), sum.device()));
    }
    for (std::size_t i = 0; i < sums.size(); ++i) subtrees[level][i].copy_from(sums[i]);
  }
  sum_over_ranks(sums);
  return sums.back();
}

/// The gradients of all groups and of `shared`, if it got one, and last the loss.
std::vector<Tensor> ShardTree::one_shard(std::int64_t index, const Tensor& shared,
                                         const Loss& loss) const {
  const kernels::TraceRange trace("micro-batch");
  for (const auto& group : groups_) group.clear_gradients();
  if (shared.defined()) shared.clear_grad();
  const Tensor part = loss(rows(index));
  autograd::backward(part);
  std::vector<Tensor> out;
  for (const auto& group : groups_) {
    group.complete_gradients();
    out.push_back(group.gradient());
  }
  if (shared.defined() && shared.grad().defined()) out.push_back(shared.grad());
  out.push_back(part.detach());
  return out;
}

/// A part at a time: what travels is in memory twice.
void ShardTree::sum_over_ranks(const std::vector<Tensor>& sums) const {
  for (const Tensor& sum : sums) {
    const Tensor flat = sum.view({sum.numel()});
    const auto most = static_cast<std::int64_t>(dist_.bucket_mb * 1e6) /
                      static_cast<std::int64_t>(size_of(sum.dtype()));
    for (std::int64_t begin = 0; begin < flat.numel(); begin += most) {
      const std::int64_t end = std::min(flat.numel(), begin + most);
      ranks_.all_reduce(flat.rows(begin, end), dist_.wire)->wait();
    }
  }
}

}  // namespace seqpe::train

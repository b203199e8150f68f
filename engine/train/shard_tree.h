// The micro-batches (shards) of a deterministic step: each has gradients of its own, which are
// added up in a binary tree over all shards of all ranks. So 1, 2, 4 ... ranks give the same bits.
#pragma once

#include "engine/dist/process_group.h"
#include "engine/optim/parameter_buffers.h"
#include "engine/train/micro_batches.h"

namespace seqpe::train {

class ShardTree final : public MicroBatches {
 public:
  /// `groups` and `ranks` must outlive this.
  ShardTree(const Share& share, const std::vector<optim::ParameterGroup>& groups,
            dist::ProcessGroup& ranks, const dist::DistConfig& dist)
      : MicroBatches(share), groups_(groups), ranks_(ranks), dist_(dist) {}

  /// On return the gradients of the leaves and of `shared`, and the loss, are those of the whole
  /// step, on every rank.
  Tensor run(const Tensor& shared, const Loss& loss) override;

 private:
  std::vector<Tensor> one_shard(std::int64_t index, const Tensor& shared, const Loss& loss) const;
  void sum_over_ranks(const std::vector<Tensor>& sums) const;

  const std::vector<optim::ParameterGroup>& groups_;
  dist::ProcessGroup& ranks_;
  dist::DistConfig dist_;
};

}  // namespace seqpe::train

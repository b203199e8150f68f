// How a step goes through the rows of its batch: micro-batch by micro-batch, each forward and
// backward, all of them summed.
#pragma once

#include <functional>

#include "engine/core/tensor.h"
#include "engine/train/share.h"

namespace seqpe::train {

/// Some rows of a step.
struct Rows {
  std::int64_t begin, end;  // among those of this rank
  std::int64_t first;       // row `begin` in the whole batch
};

class MicroBatches {
 public:
  /// What they add to the step's loss, one f64 number whose gradients are wanted.
  using Loss = std::function<Tensor(const Rows& rows)>;

  explicit MicroBatches(const Share& share) : share_(share) {}
  virtual ~MicroBatches() = default;
  MicroBatches(const MicroBatches&) = delete;
  MicroBatches& operator=(const MicroBatches&) = delete;

  const Share& share() const { return share_; }

  /// Forward and backward of each: gradients add up in the leaves. `shared`, which may be
  /// undefined, is a leaf that all micro-batches read and from whose gradient backward goes on.
  /// Returns the sum of the losses: of this rank, or of all in a deterministic step.
  virtual Tensor run(const Tensor& shared, const Loss& loss);

 protected:
  /// Gradients of the micro-batch that comes are the last ones.
  virtual void before_last() {}
  /// Micro-batch number `index` of this rank.
  Rows rows(std::int64_t index) const;
  /// How many there are; the last one may be smaller.
  std::int64_t count() const {
    return (share_.rows() + share_.micro_batch - 1) / share_.micro_batch;
  }

 private:
  Share share_;
};

}  // namespace seqpe::train

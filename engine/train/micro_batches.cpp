#include "engine/train/micro_batches.h"

#include <algorithm>

#include "engine/autograd/backward.h"
#include "engine/ops/loss.h"
#include "kernels/device.h"

namespace seqpe::train {

Rows MicroBatches::rows(std::int64_t index) const {
  const std::int64_t begin = index * share_.micro_batch;
  return {begin, std::min(begin + share_.micro_batch, share_.rows()), share_.begin + begin};
}

Tensor MicroBatches::run(const Tensor&, const Loss& loss) {
  Tensor sum;
  for (std::int64_t index = 0; index < count(); ++index) {
    const kernels::TraceRange trace("micro-batch");
    if (index + 1 == count()) before_last();
    const Tensor part = loss(rows(index));
    autograd::backward(part);
    sum = sum.defined() ? ops::weighted_sum({{sum}, {part.detach()}}) : part.detach();
  }
  return sum;
}

}  // namespace seqpe::train

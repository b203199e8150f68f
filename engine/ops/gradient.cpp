#include "engine/ops/gradient.h"

#include "kernels/elementwise.h"

namespace seqpe::ops {

void write_gradient(const autograd::GradTarget& target, const Tensor& source, double factor) {
  if (!target) return;
  kernels::add(source.context(), {.dtype = source.dtype(),
                                  .out = target.data(),
                                  .a = source.data(),
                                  .alpha = factor,
                                  .count = source.numel(),
                                  .write = target.write});
}

void write_gradient(const autograd::GradTarget& target, const Tensor& source,
                    const Tensor& factor) {
  if (!target) return;
  kernels::add(source.context(), {.dtype = source.dtype(),
                                  .out = target.data(),
                                  .a = source.data(),
                                  .factor = factor.data_as<double>(),
                                  .count = source.numel(),
                                  .write = target.write});
}

}  // namespace seqpe::ops

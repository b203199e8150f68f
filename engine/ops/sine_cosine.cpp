#include "engine/ops/sine_cosine.h"

#include "engine/autograd/node.h"
#include "engine/ops/check.h"
#include "kernels/sine_cosine.h"

namespace seqpe::ops {
namespace {

struct SineCosineNode final : autograd::Node {
  Tensor out;
  std::int64_t cols = 0;

  void backward() override {
    const auto grad_angles = grad_target(0);
    kernels::sine_cosine_backward(out.context(), {.dtype = out.dtype(),
                                                  .grad_angles = grad_angles.data(),
                                                  .write = grad_angles.write,
                                                  .grad_out = grad_output().data(),
                                                  .out = out.data(),
                                                  .rows = out.numel() / (2 * cols),
                                                  .cols = cols});
  }
};

}  // namespace

Tensor sine_cosine(const Tensor& angles) {
  check_floating("sine_cosine", "angles", angles);
  require(angles.rank() >= 1 && angles.dim(-1) > 0,
          "[sine_cosine] angles must have a last dimension > 0, got {}.",
          to_string(angles.shape()));
  const std::int64_t cols = angles.dim(-1);
  Shape shape = angles.shape();
  shape.back() = 2 * cols;
  const Tensor out = Tensor::empty(shape, angles.dtype(), angles.device());
  kernels::sine_cosine_forward(angles.context(), {.dtype = angles.dtype(),
                                                  .out = out.data(),
                                                  .angles = angles.data(),
                                                  .rows = angles.numel() / cols,
                                                  .cols = cols});
  if (const auto node = autograd::record<SineCosineNode>({angles}, {out})) {
    node->out = out.detach();
    node->cols = cols;
  }
  return out;
}

}  // namespace seqpe::ops

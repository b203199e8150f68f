#include "engine/ops/softmax.h"

#include "engine/autograd/node.h"
#include "engine/ops/check.h"
#include "kernels/softmax.h"

namespace seqpe::ops {
namespace {

struct SoftmaxNode final : autograd::Node {
  Tensor out;
  bool log = false;

  void backward() override {
    const auto grad_x = grad_target(0);
    kernels::softmax_backward(out.context(), {.dtype = out.dtype(),
                                              .grad_x = grad_x.data(),
                                              .write = grad_x.write,
                                              .grad_out = grad_output().data(),
                                              .out = out.data(),
                                              .rows = out.numel() / out.dim(-1),
                                              .cols = out.dim(-1),
                                              .log = log});
  }
};

Tensor run(const char* op, const Tensor& x, bool log) {
  check_floating(op, "x", x);
  require(x.rank() >= 1 && x.dim(-1) > 0, "[{}] x must have a last dimension > 0, got {}.", op,
          to_string(x.shape()));
  const Tensor out = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernels::softmax_forward(x.context(), {.dtype = x.dtype(),
                                         .out = out.data(),
                                         .x = x.data(),
                                         .rows = x.numel() / x.dim(-1),
                                         .cols = x.dim(-1),
                                         .log = log});
  if (const auto node = autograd::record<SoftmaxNode>({x}, {out})) {
    node->out = out.detach();
    node->log = log;
  }
  return out;
}

}  // namespace

Tensor softmax(const Tensor& x) {
  return run("softmax", x, false);
}
Tensor log_softmax(const Tensor& x) {
  return run("log_softmax", x, true);
}

}  // namespace seqpe::ops

#include "engine/ops/dropout.h"

#include "engine/autograd/node.h"
#include "engine/ops/check.h"
#include "engine/ops/gradient.h"

namespace seqpe::ops {
namespace {

struct DropoutNode final : autograd::Node {
  DropoutDraw draw;

  void backward() override {
    const Tensor grad_out = grad_output();
    if (const auto grad_x = grad_target(0)) {
      kernels::dropout(grad_out.context(), {.dtype = grad_out.dtype(),
                                            .out = grad_x.data(),
                                            .write = grad_x.write,
                                            .x = grad_out.data(),
                                            .count = grad_out.numel(),
                                            .draw = draw});
    }
    if (inputs().size() == 2) write_gradient(grad_target(1), grad_out);
  }
};

Tensor run(const Tensor& x, const Tensor& residual, const DropoutDraw& draw) {
  require(draw.probability >= 0.0 && draw.probability < 1.0,
          "[dropout] probability must lie in [0, 1), got {}.", draw.probability);
  const Tensor out = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernels::dropout(x.context(), {.dtype = x.dtype(),
                                 .out = out.data(),
                                 .x = x.data(),
                                 .residual = residual.defined() ? residual.data() : nullptr,
                                 .count = x.numel(),
                                 .draw = draw});
  std::vector<Tensor> inputs{x};
  if (residual.defined()) inputs.push_back(residual);
  if (const auto node = autograd::record<DropoutNode>(inputs, {out})) node->draw = draw;
  return out;
}

}  // namespace

Tensor dropout(const Tensor& x, const DropoutDraw& draw) {
  check_floating("dropout", "x", x);
  return run(x, {}, draw);
}

Tensor residual_dropout(const Tensor& residual, const Tensor& x, const DropoutDraw& draw) {
  check_floating("residual_dropout", "residual", residual);
  check_shape("residual_dropout", "x", x, residual.shape(), "shape of residual");
  check_same_kind("residual_dropout", "x", x, "residual", residual);
  return run(x, residual, draw);
}

}  // namespace seqpe::ops

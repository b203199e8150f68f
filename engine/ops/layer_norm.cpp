#include "engine/ops/layer_norm.h"

#include "engine/autograd/node.h"
#include "engine/ops/check.h"
#include "kernels/layer_norm.h"

namespace seqpe::ops {
namespace {

struct LayerNormNode final : autograd::Node {
  Tensor x, weight, mean, rstd;

  void backward() override {
    const Tensor grad_out = grad_output();
    const auto grad_x = grad_target(0), grad_weight = grad_target(1), grad_bias = grad_target(2);
    kernels::layer_norm_backward(x.context(), {
                                                  .dtype = x.dtype(),
                                                  .grad_x = grad_x.data(),
                                                  .grad_weight = grad_weight.data(),
                                                  .grad_bias = grad_bias.data(),
                                                  .write_x = grad_x.write,
                                                  .write_weight = grad_weight.write,
                                                  .write_bias = grad_bias.write,
                                                  .grad_out = grad_out.data(),
                                                  .x = x.data(),
                                                  .weight = weight.data(),
                                                  .mean = mean.data(),
                                                  .rstd = rstd.data(),
                                                  .rows = mean.numel(),
                                                  .cols = weight.numel(),
                                              });
  }
};

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  check_floating("layer_norm", "x", x);
  require(x.rank() >= 1 && x.dim(-1) > 0, "[layer_norm] x must have a last dimension > 0, got {}.",
          to_string(x.shape()));
  const std::int64_t cols = x.dim(-1), rows = x.numel() / cols;
  check_shape("layer_norm", "weight", weight, {cols}, "last dimension of x");
  check_shape("layer_norm", "bias", bias, {cols}, "last dimension of x");
  check_same_kind("layer_norm", "weight", weight, "x", x);
  check_same_kind("layer_norm", "bias", bias, "x", x);

  const Tensor out = Tensor::empty(x.shape(), x.dtype(), x.device());
  const Tensor mean = Tensor::empty({rows}, acc_dtype(x.dtype()), x.device());
  const Tensor rstd = Tensor::empty({rows}, acc_dtype(x.dtype()), x.device());
  kernels::layer_norm_forward(x.context(), {
                                               .dtype = x.dtype(),
                                               .out = out.data(),
                                               .mean = mean.data(),
                                               .rstd = rstd.data(),
                                               .x = x.data(),
                                               .weight = weight.data(),
                                               .bias = bias.data(),
                                               .rows = rows,
                                               .cols = cols,
                                               .eps = eps,
                                           });
  if (const auto node = autograd::record<LayerNormNode>({x, weight, bias}, {out})) {
    node->x = x.detach();
    node->weight = weight.detach();
    node->mean = mean;
    node->rstd = rstd;
  }
  return out;
}

}  // namespace seqpe::ops

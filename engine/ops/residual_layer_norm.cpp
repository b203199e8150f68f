#include "engine/ops/residual_layer_norm.h"

#include "engine/autograd/node.h"
#include "engine/ops/check.h"

namespace seqpe::ops {
namespace {

constexpr const char* kOp = "residual_layer_norm";

struct ResidualLayerNormNode final : autograd::Node {
  Tensor sum, weight, mean, rstd;
  DropoutDraw dropout;

  void backward() override {
    const Tensor grad_sum = grad_output(0);
    Tensor grad_norm = grad_output(1);
    if (!grad_norm.defined()) grad_norm = Tensor::zeros(sum.shape(), sum.dtype(), sum.device());
    const auto grad_residual = grad_target(0), grad_branch = grad_target(1),
               grad_weight = grad_target(2), grad_bias = grad_target(3);
    kernels::residual_layer_norm_backward(
        sum.context(), {
                           .dtype = sum.dtype(),
                           .grad_residual = grad_residual.data(),
                           .grad_branch = grad_branch.data(),
                           .grad_weight = grad_weight.data(),
                           .grad_bias = grad_bias.data(),
                           .write_residual = grad_residual.write,
                           .write_branch = grad_branch.write,
                           .write_weight = grad_weight.write,
                           .write_bias = grad_bias.write,
                           .grad_sum = grad_sum.defined() ? grad_sum.data() : nullptr,
                           .grad_out = grad_norm.data(),
                           .sum = sum.data(),
                           .weight = weight.data(),
                           .mean = mean.data(),
                           .rstd = rstd.data(),
                           .rows = mean.numel(),
                           .cols = weight.numel(),
                           .dropout = dropout,
                       });
  }
};

}  // namespace

ResidualLayerNorm residual_layer_norm(const Tensor& residual, const Tensor& branch,
                                      const Tensor& weight, const Tensor& bias, double eps,
                                      const DropoutDraw& dropout) {
  check_floating(kOp, "residual", residual);
  require(residual.rank() >= 1 && residual.dim(-1) > 0,
          "[{}] residual must have a last dimension > 0, got {}.", kOp,
          to_string(residual.shape()));
  require(dropout.probability >= 0.0 && dropout.probability < 1.0,
          "[{}] the dropout probability must lie in [0, 1), got {}.", kOp, dropout.probability);
  const std::int64_t cols = residual.dim(-1), rows = residual.numel() / cols;
  check_shape(kOp, "branch", branch, residual.shape(), "shape of residual");
  check_shape(kOp, "weight", weight, {cols}, "last dimension of residual");
  check_shape(kOp, "bias", bias, {cols}, "last dimension of residual");
  check_same_kind(kOp, "branch", branch, "residual", residual);
  check_same_kind(kOp, "weight", weight, "residual", residual);
  check_same_kind(kOp, "bias", bias, "residual", residual);

  const DType dtype = residual.dtype(), statistics = acc_dtype(dtype);
  const ResidualLayerNorm result{Tensor::empty(residual.shape(), dtype, residual.device()),
                                 Tensor::empty(residual.shape(), dtype, residual.device())};
  const Tensor mean = Tensor::empty({rows}, statistics, residual.device());
  const Tensor rstd = Tensor::empty({rows}, statistics, residual.device());
  kernels::residual_layer_norm_forward(residual.context(), {
                                                               .dtype = dtype,
                                                               .sum = result.sum.data(),
                                                               .out = result.norm.data(),
                                                               .mean = mean.data(),
                                                               .rstd = rstd.data(),
                                                               .residual = residual.data(),
                                                               .branch = branch.data(),
                                                               .weight = weight.data(),
                                                               .bias = bias.data(),
                                                               .rows = rows,
                                                               .cols = cols,
                                                               .eps = eps,
                                                               .dropout = dropout,
                                                           });
  if (const auto node = autograd::record<ResidualLayerNormNode>({residual, branch, weight, bias},
                                                                {result.sum, result.norm})) {
    node->sum = result.sum.detach();
    node->weight = weight.detach();
    node->mean = mean;
    node->rstd = rstd;
    node->dropout = dropout;
  }
  return result;
}

}  // namespace seqpe::ops

#include "engine/ops/dropout.h"

#include "engine/autograd/node.h"
#include "engine/ops/check.h"
#include "kernels/copy.h"
#include "kernels/dropout.h"

namespace seqpe::ops {
namespace {

struct DropoutNode final : autograd::Node {
  kernels::DropoutArgs args;  // of the forward, without pointers

  const char* name() const override { return "dropout"; }

  void backward() override {
    const Tensor grad_out = grad_output();
    if (const auto grad_x = grad_target(0)) {
      args.out = grad_x.data();
      args.write = grad_x.write;
      args.x = grad_out.data();
      kernels::dropout(grad_out.context(), args);
    }
    if (inputs().size() < 2) return;
    if (const auto grad_residual = grad_target(1)) {
      kernels::copy_rows(grad_out.context(), {.dtype = args.dtype,
                                              .out = grad_residual.data(),
                                              .x = grad_out.data(),
                                              .rows = 1,
                                              .cols = args.count,
                                              .write = grad_residual.write});
    }
  }
};

Tensor run(const Tensor& x, const Tensor& residual, double probability, const PhiloxKey& key,
           std::uint64_t first_element, const DropoutRuns& runs) {
  require(probability >= 0.0 && probability < 1.0,
          "[dropout] probability must lie in [0, 1), got {}.", probability);
  const Tensor out = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernels::DropoutArgs args{.dtype = x.dtype(),
                            .out = out.data(),
                            .x = x.data(),
                            .residual = residual.defined() ? residual.data() : nullptr,
                            .count = x.numel(),
                            .probability = probability,
                            .key = key,
                            .first_element = first_element,
                            .run = runs.length,
                            .run_stride = runs.stride};
  kernels::dropout(x.context(), args);
  std::vector<Tensor> inputs{x};
  if (residual.defined()) inputs.push_back(residual);
  if (const auto node = autograd::record<DropoutNode>(inputs, {out})) {
    args.residual = nullptr;
    node->args = args;
  }
  return out;
}

}  // namespace

Tensor dropout(const Tensor& x, double probability, const PhiloxKey& key,
               std::uint64_t first_element, const DropoutRuns& runs) {
  check_floating("dropout", "x", x);
  return run(x, {}, probability, key, first_element, runs);
}

Tensor residual_dropout(const Tensor& residual, const Tensor& x, double probability,
                        const PhiloxKey& key, std::uint64_t first_element,
                        const DropoutRuns& runs) {
  check_floating("residual_dropout", "residual", residual);
  check_shape("residual_dropout", "x", x, residual.shape(), "shape of residual");
  check_same_kind("residual_dropout", "x", x, "residual", residual);
  return run(x, residual, probability, key, first_element, runs);
}

}  // namespace seqpe::ops

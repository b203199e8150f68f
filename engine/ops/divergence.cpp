#include "engine/ops/divergence.h"

#include "engine/autograd/node.h"
#include "engine/ops/check.h"

namespace seqpe::ops {
namespace {

struct DivergenceNode final : autograd::Node {
  Tensor target, student;
  DivergenceKind kind = DivergenceKind::kl_div;

  void backward() override {
    const auto grad_of_target = grad_target(0), grad_of_student = grad_target(1);
    kernels::divergence_backward(target.context(), {.dtype = target.dtype(),
                                                    .kind = kind,
                                                    .grad_target = grad_of_target.data(),
                                                    .grad_student = grad_of_student.data(),
                                                    .write_target = grad_of_target.write,
                                                    .write_student = grad_of_student.write,
                                                    .target = target.data(),
                                                    .student = student.data(),
                                                    .count = target.numel(),
                                                    .grad_out = grad_output().data_as<double>()});
  }
};

}  // namespace

Tensor divergence(const Tensor& target, const Tensor& student, DivergenceKind kind) {
  check_floating("divergence", "target", target);
  check_shape("divergence", "student", student, target.shape(), "shape of target");
  check_same_kind("divergence", "student", student, "target", target);
  const Tensor mean = Tensor::empty({1}, DType::f64, target.device());
  kernels::divergence_forward(target.context(), {.dtype = target.dtype(),
                                                 .kind = kind,
                                                 .out = mean.data_as<double>(),
                                                 .target = target.data(),
                                                 .student = student.data(),
                                                 .count = target.numel()});
  if (const auto node = autograd::record<DivergenceNode>({target, student}, {mean})) {
    node->target = target.detach();
    node->student = student.detach();
    node->kind = kind;
  }
  return mean;
}

}  // namespace seqpe::ops

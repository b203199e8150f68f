#include "engine/ops/linear.h"

#include "engine/autograd/node.h"
#include "engine/ops/check.h"
#include "kernels/gelu.h"
#include "kernels/matmul.h"
#include "kernels/reduce.h"

namespace seqpe::ops {
namespace {

kernels::Epilogue epilogue_of(bool has_bias, Activation activation) {
  switch (activation) {
    case Activation::none:
      return has_bias ? kernels::Epilogue::bias : kernels::Epilogue::none;
    case Activation::gelu_tanh:
      return kernels::Epilogue::bias_gelu_tanh;
    case Activation::gelu_erf:
      return kernels::Epilogue::bias_gelu_erf;
  }
  return kernels::Epilogue::none;
}

std::int64_t outputs_of(const Tensor& weight, WeightLayout layout) {
  return weight.dim(layout == WeightLayout::in_out ? 1 : 0);
}

/// Where the first weight of column `begin` lies.
std::int64_t first_weight(WeightLayout layout, std::int64_t begin, std::int64_t in) {
  return layout == WeightLayout::in_out ? begin : begin * in;
}

struct LinearNode final : autograd::Node {
  Tensor x;                         // [rows, in]
  Tensor weight;                    // as laid out
  Tensor pre_activation;            // [rows, out], undefined without an activation
  std::int64_t begin = 0, out = 0;  // columns [begin, begin + out) of x W + bias
  WeightLayout layout = WeightLayout::in_out;
  Activation activation = Activation::none;

  void backward() override {
    const Tensor grad_out = grad_output();
    if (activation != Activation::none) through_activation(grad_out);
    const Context context = x.context();
    const std::int64_t in = x.dim(1), rows = x.dim(0);
    const bool in_out = layout == WeightLayout::in_out;
    const std::int64_t weight_stride = weight.dim(1);
    if (const auto grad_x = grad_target(0)) {  // g W^T
      kernels::matmul(context, {.dtype = x.dtype(),
                                .out = grad_x.data(),
                                .a = grad_out.data(),
                                .b = weight.data_at(first_weight(layout, begin, in)),
                                .m = rows,
                                .n = in,
                                .k = out,
                                .lda = out,
                                .ldb = weight_stride,
                                .ldc = in,
                                .trans_b = in_out,
                                .write = grad_x.write});
    }
    if (auto grad_weight = wide_grad_target(1)) {  // x^T g, or its transpose
      make_whole(grad_weight);
      kernels::matmul(context, {.dtype = x.dtype(),
                                .out = grad_weight.grad.data_at(first_weight(layout, begin, in)),
                                .a = in_out ? x.data() : grad_out.data(),
                                .b = in_out ? grad_out.data() : x.data(),
                                .m = in_out ? in : out,
                                .n = in_out ? out : in,
                                .k = rows,
                                .lda = in_out ? in : out,
                                .ldb = in_out ? out : in,
                                .ldc = weight_stride,
                                .trans_a = true,
                                .write = grad_weight.write,
                                .wide_out = grad_weight.grad.dtype() != x.dtype()});
    }
    if (auto grad_bias = wide_grad_target(2)) {
      make_whole(grad_bias);
      kernels::column_sum(context, {.dtype = x.dtype(),
                                    .out = grad_bias.grad.data_at(begin),
                                    .wide_out = grad_bias.grad.dtype() != x.dtype(),
                                    .write = grad_bias.write,
                                    .x = grad_out.data(),
                                    .rows = rows,
                                    .cols = out});
    }
  }

  /// A node that computes a part of the columns writes that part only: the rest of a fresh gradient
  /// is zero.
  void make_whole(autograd::GradTarget& target) const {
    if (out == outputs_of(weight, layout) || target.write == Write::accumulate) return;
    target.grad.fill(0.0);
    target.write = Write::accumulate;
  }

  /// In place: nobody reads the gradient of the output after this node.
  void through_activation(const Tensor& grad) const {
    kernels::gelu_backward(x.context(),
                           {.dtype = x.dtype(),
                            .form = activation == Activation::gelu_tanh ? kernels::GeluForm::tanh
                                                                        : kernels::GeluForm::erf,
                            .grad_x = grad.data(),
                            .grad_out = grad.data(),
                            .x = pre_activation.data(),
                            .count = grad.numel()});
  }
};

/// Columns [begin, begin + out) of what check() let pass.
Tensor run(const Tensor& x, const Tensor& weight, const Tensor& bias, WeightLayout layout,
           Activation activation, std::int64_t begin, std::int64_t out) {
  const bool in_out = layout == WeightLayout::in_out;
  const std::int64_t in = x.dim(-1), rows = element_count({x.shape().begin(), x.shape().end() - 1});
  Shape out_shape = x.shape();
  out_shape.back() = out;
  const Tensor y = Tensor::empty(out_shape, x.dtype(), x.device());
  Tensor pre_activation;
  if (activation != Activation::none && autograd::needs_recording({x, weight, bias})) {
    pre_activation = Tensor::empty({rows, out}, x.dtype(), x.device());
  }
  kernels::matmul(x.context(),
                  {.dtype = x.dtype(),
                   .out = y.data(),
                   .a = x.data(),
                   .b = weight.data_at(first_weight(layout, begin, in)),
                   .m = rows,
                   .n = out,
                   .k = in,
                   .lda = in,
                   .ldb = weight.dim(1),
                   .ldc = out,
                   .trans_b = !in_out,
                   .bias = bias.defined() ? bias.data_at(begin) : nullptr,
                   .epilogue = epilogue_of(bias.defined(), activation),
                   .pre_activation = pre_activation.defined() ? pre_activation.data() : nullptr});
  if (const auto node = autograd::record<LinearNode>({x, weight, bias}, {y})) {
    node->x = x.detach().view({rows, in});
    node->weight = weight.detach();
    node->pre_activation = pre_activation;
    node->begin = begin;
    node->out = out;
    node->layout = layout;
    node->activation = activation;
  }
  return y;
}

std::int64_t check(const Tensor& x, const Tensor& weight, const Tensor& bias, WeightLayout layout) {
  check_floating("linear", "x", x);
  require(x.rank() >= 1, "[linear] x must have at least one dimension, got a scalar.");
  require(weight.defined() && weight.rank() == 2, "[linear] weight must be a matrix, got {}.",
          weight.defined() ? to_string(weight.shape()) : "an undefined tensor");
  const bool in_out = layout == WeightLayout::in_out;
  const std::int64_t in = x.dim(-1), out = outputs_of(weight, layout);
  check_shape(
      "linear", "weight", weight, in_out ? Shape{in, out} : Shape{out, in},
      in_out ? "[in, out] for the last dimension of x" : "[out, in] for the last dimension of x");
  check_same_kind("linear", "weight", weight, "x", x);
  if (bias.defined()) {
    check_shape("linear", "bias", bias, {out}, "outputs of weight");
    check_same_kind("linear", "bias", bias, "x", x);
  }
  return out;
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, WeightLayout layout,
              Activation activation) {
  const std::int64_t out = check(x, weight, bias, layout);
  require(activation == Activation::none || bias.defined(),
          "[linear] an activation needs a bias, got none.");
  return run(x, weight, bias, layout, activation, 0, out);
}

Tensor linear_columns(const Tensor& x, const Tensor& weight, const Tensor& bias,
                      WeightLayout layout, std::int64_t begin, std::int64_t count) {
  const std::int64_t out = check(x, weight, bias, layout);
  require(begin >= 0 && count > 0 && begin + count <= out,
          "[linear] columns [{}, {}) do not lie in {} outputs.", begin, begin + count, out);
  return run(x, weight, bias, layout, Activation::none, begin, count);
}

}  // namespace seqpe::ops

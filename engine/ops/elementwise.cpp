#include "engine/ops/elementwise.h"

#include <algorithm>

#include "engine/autograd/node.h"
#include "engine/ops/check.h"
#include "engine/ops/gradient.h"
#include "kernels/elementwise.h"

namespace seqpe::ops {
namespace {

struct AddNode final : autograd::Node {
  void backward() override {
    write_gradient(grad_target(0), grad_output());
    write_gradient(grad_target(1), grad_output());
  }
};

struct ScaleNode final : autograd::Node {
  double factor = 1.0;
  void backward() override { write_gradient(grad_target(0), grad_output(), factor); }
};

struct ConvertNode final : autograd::Node {
  DType from = DType::f32;
  void backward() override { write_gradient(grad_target(0), grad_output().to(from)); }
};

struct MultiplyNode final : autograd::Node {
  Tensor a, b;
  void backward() override {
    product(grad_target(0), b);
    product(grad_target(1), a);
  }
  void product(const autograd::GradTarget& target, const Tensor& other) const {
    if (!target) return;
    kernels::multiply(a.context(), {.dtype = a.dtype(),
                                    .out = target.data(),
                                    .a = grad_output().data(),
                                    .b = other.data(),
                                    .count = a.numel(),
                                    .write = target.write});
  }
};

struct AddRowsNode final : autograd::Node {
  std::int64_t rows = 0, blocks = 1, inner = 0, first_row = 0;
  void backward() override {
    const Tensor grad_out = grad_output();
    write_gradient(grad_target(0), grad_out);
    if (const auto grad_y = grad_target(1)) {
      kernels::add_rows_backward(grad_out.context(), {.dtype = grad_out.dtype(),
                                                      .grad_y = grad_y.data(),
                                                      .grad_out = grad_out.data(),
                                                      .rows = rows,
                                                      .blocks = blocks,
                                                      .inner = inner,
                                                      .first_row = first_row,
                                                      .write = grad_y.write});
    }
  }
};

void check_pair(const char* op, const Tensor& a, const Tensor& b) {
  check_floating(op, "a", a);
  check_shape(op, "b", b, a.shape(), "shape of a");
  check_same_kind(op, "b", b, "a", a);
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  check_pair("add", a, b);
  const Tensor out = Tensor::empty(a.shape(), a.dtype(), a.device());
  kernels::add(
      a.context(),
      {.dtype = a.dtype(), .out = out.data(), .a = a.data(), .b = b.data(), .count = a.numel()});
  autograd::record<AddNode>({a, b}, {out});
  return out;
}

Tensor convert(const Tensor& x, DType dtype) {
  check_floating("convert", "x", x);
  if (x.dtype() == dtype) return x;
  const Tensor out = x.to(dtype);
  if (const auto node = autograd::record<ConvertNode>({x}, {out})) node->from = x.dtype();
  return out;
}

Tensor multiply(const Tensor& a, const Tensor& b) {
  check_pair("multiply", a, b);
  const Tensor out = Tensor::empty(a.shape(), a.dtype(), a.device());
  kernels::multiply(
      a.context(),
      {.dtype = a.dtype(), .out = out.data(), .a = a.data(), .b = b.data(), .count = a.numel()});
  if (const auto node = autograd::record<MultiplyNode>({a, b}, {out})) {
    node->a = a.detach();
    node->b = b.detach();
  }
  return out;
}

Tensor scale(const Tensor& x, double factor) {
  check_floating("scale", "x", x);
  const Tensor out = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernels::add(
      x.context(),
      {.dtype = x.dtype(), .out = out.data(), .a = x.data(), .alpha = factor, .count = x.numel()});
  if (const auto node = autograd::record<ScaleNode>({x}, {out})) node->factor = factor;
  return out;
}

Tensor add_rows(const Tensor& x, const Tensor& y, std::int64_t first_row) {
  check_floating("add_rows", "x", x);
  check_floating("add_rows", "y", y);
  check_same_kind("add_rows", "y", y, "x", x);
  const bool fits = x.rank() >= 1 && y.rank() == x.rank() && y.dim(0) >= 1 &&
                    std::equal(x.shape().begin() + 1, x.shape().end(), y.shape().begin() + 1);
  require(fits, "[add_rows] y must have the shape of x {} but for the leading dimension, got {}.",
          to_string(x.shape()), to_string(y.shape()));
  const Tensor out = Tensor::empty(x.shape(), x.dtype(), x.device());
  const std::int64_t blocks = y.dim(0), inner = y.numel() / blocks;
  kernels::add_rows(x.context(), {.dtype = x.dtype(),
                                  .out = out.data(),
                                  .x = x.data(),
                                  .y = y.data(),
                                  .rows = x.dim(0),
                                  .blocks = blocks,
                                  .inner = inner,
                                  .first_row = first_row});
  if (const auto node = autograd::record<AddRowsNode>({x, y}, {out})) {
    node->rows = x.dim(0);
    node->blocks = blocks;
    node->inner = inner;
    node->first_row = first_row;
  }
  return out;
}

}  // namespace seqpe::ops

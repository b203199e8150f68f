#include "engine/ops/rows.h"

#include <algorithm>

#include "engine/autograd/node.h"
#include "engine/ops/check.h"
#include "kernels/copy.h"
#include "kernels/reduce.h"

namespace seqpe::ops {
namespace {

void copy_run(const Tensor& out, const void* x, Write write) {
  kernels::copy_rows(out.context(), {.dtype = out.dtype(),
                                     .out = out.data(),
                                     .x = x,
                                     .rows = 1,
                                     .cols = out.numel(),
                                     .write = write});
}

struct SliceRowsNode final : autograd::Node {
  std::int64_t begin = 0, end = 0;

  void backward() override {
    const auto grad_x = grad_target(0);
    if (grad_x.write == Write::overwrite) grad_x.grad.fill(0.0);
    copy_run(grad_x.grad.rows(begin, end), grad_output().data(), Write::accumulate);
  }
};

struct ConcatRowsNode final : autograd::Node {
  std::vector<std::int64_t> ends;

  void backward() override {
    const Tensor grad_out = grad_output();
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const auto target = grad_target(i);
      if (target) copy_run(target.grad, grad_out.rows(begin, ends[i]).data(), target.write);
      begin = ends[i];
    }
  }
};

struct TakeTokenNode final : autograd::Node {
  std::int64_t token = 0, tokens = 0, channels = 0;

  void backward() override {
    const Tensor grad_out = grad_output();
    const auto grad_x = grad_target(0);
    if (grad_x.write == Write::overwrite) grad_x.grad.fill(0.0);
    kernels::copy_rows(grad_out.context(), {.dtype = grad_out.dtype(),
                                            .out = grad_x.grad.data_at(token * channels),
                                            .x = grad_out.data(),
                                            .rows = grad_out.dim(0),
                                            .cols = channels,
                                            .out_stride = tokens * channels,
                                            .x_stride = channels,
                                            .write = Write::accumulate});
  }
};

struct PrependTokenNode final : autograd::Node {
  std::int64_t batch = 0, tokens = 0, channels = 0;  // of x

  void backward() override {
    const Tensor grad_out = grad_output();
    const std::int64_t sequence = (tokens + 1) * channels;
    const auto rows_of_grad = [&](const Tensor& out, std::int64_t begin, Write write) {
      kernels::copy_rows(grad_out.context(), {.dtype = grad_out.dtype(),
                                              .out = out.data(),
                                              .x = grad_out.data_at(begin),
                                              .rows = batch,
                                              .cols = out.numel() / batch,
                                              .out_stride = out.numel() / batch,
                                              .x_stride = sequence,
                                              .write = write});
    };
    if (const auto grad_token = grad_target(0)) {
      const Tensor of_sequences =
          Tensor::empty({batch, channels}, grad_out.dtype(), grad_out.device());
      rows_of_grad(of_sequences, 0, Write::overwrite);
      kernels::column_sum(grad_out.context(), {.dtype = grad_out.dtype(),
                                               .out = grad_token.data(),
                                               .write = grad_token.write,
                                               .x = of_sequences.data(),
                                               .rows = batch,
                                               .cols = channels});
    }
    if (const auto grad_x = grad_target(1)) rows_of_grad(grad_x.grad, channels, grad_x.write);
  }
};

}  // namespace

Tensor slice_rows(const Tensor& x, std::int64_t begin, std::int64_t end) {
  check_floating("slice_rows", "x", x);
  const Tensor out = x.rows(begin, end);
  if (const auto node = autograd::record<SliceRowsNode>({x}, {out})) {
    node->begin = begin;
    node->end = end;
  }
  return out;
}

Tensor concat_rows(const std::vector<Tensor>& parts) {
  require(!parts.empty(), "[concat_rows] needs at least one tensor, got none.");
  std::vector<std::int64_t> ends;
  std::int64_t rows = 0;
  for (const Tensor& part : parts) {
    check_floating("concat_rows", "every part", part);
    check_same_kind("concat_rows", "every part", part, "the first", parts[0]);
    require(part.rank() >= 1,
            "[concat_rows] every part must have a leading dimension, got a scalar.");
    require(
        part.rank() == parts[0].rank() &&
            std::equal(part.shape().begin() + 1, part.shape().end(), parts[0].shape().begin() + 1),
        "[concat_rows] every part must have the shape of the first {} but for the leading "
        "dimension, got {}.",
        to_string(parts[0].shape()), to_string(part.shape()));
    rows += part.dim(0);
    ends.push_back(rows);
  }
  Shape shape = parts[0].shape();
  shape[0] = rows;
  const Tensor out = Tensor::empty(shape, parts[0].dtype(), parts[0].device());
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    copy_run(out.rows(begin, ends[i]), parts[i].data(), Write::overwrite);
    begin = ends[i];
  }
  if (const auto node = autograd::record<ConcatRowsNode>(parts, {out}))
    node->ends = std::move(ends);
  return out;
}

Tensor take_token(const Tensor& x, std::int64_t token) {
  check_floating("take_token", "x", x);
  require(x.rank() == 3, "[take_token] x must be [B, T, C], got {}.", to_string(x.shape()));
  require(token >= 0 && token < x.dim(1),
          "[take_token] token must lie in [0, {}) (tokens of x), got {}.", x.dim(1), token);
  const std::int64_t channels = x.dim(2);
  const Tensor out = Tensor::empty({x.dim(0), 1, channels}, x.dtype(), x.device());
  kernels::copy_rows(x.context(), {.dtype = x.dtype(),
                                   .out = out.data(),
                                   .x = x.data_at(token * channels),
                                   .rows = x.dim(0),
                                   .cols = channels,
                                   .out_stride = channels,
                                   .x_stride = x.dim(1) * channels});
  if (const auto node = autograd::record<TakeTokenNode>({x}, {out})) {
    node->token = token;
    node->tokens = x.dim(1);
    node->channels = channels;
  }
  return out;
}

Tensor prepend_token(const Tensor& token, const Tensor& x) {
  check_floating("prepend_token", "token", token);
  check_floating("prepend_token", "x", x);
  check_same_kind("prepend_token", "token", token, "x", x);
  require(x.rank() == 3 && x.dim(0) >= 1 && x.dim(2) == token.numel(),
          "[prepend_token] x must be [B, T, {}] (elements of token), B at least 1, got {}.",
          token.numel(), to_string(x.shape()));
  const std::int64_t batch = x.dim(0), channels = x.dim(2), sequence = (x.dim(1) + 1) * channels;
  const Tensor out = Tensor::empty({batch, x.dim(1) + 1, channels}, x.dtype(), x.device());
  kernels::copy_rows(x.context(), {.dtype = x.dtype(),
                                   .out = out.data(),
                                   .x = token.data(),
                                   .rows = batch,
                                   .cols = channels,
                                   .out_stride = sequence,
                                   .x_stride = 0});
  kernels::copy_rows(x.context(), {.dtype = x.dtype(),
                                   .out = out.data_at(channels),
                                   .x = x.data(),
                                   .rows = batch,
                                   .cols = sequence - channels,
                                   .out_stride = sequence,
                                   .x_stride = sequence - channels});
  if (const auto node = autograd::record<PrependTokenNode>({token, x}, {out})) {
    node->batch = batch;
    node->tokens = x.dim(1);
    node->channels = channels;
  }
  return out;
}

}  // namespace seqpe::ops

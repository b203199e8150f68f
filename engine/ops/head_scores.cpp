#include "engine/ops/head_scores.h"

#include "engine/autograd/node.h"
#include "engine/ops/check.h"
#include "kernels/matmul.h"

namespace seqpe::ops {
namespace {

struct HeadScoresNode final : autograd::Node {
  Tensor a, c;
  std::int64_t heads = 1;
  double factor = 1.0;

  void backward() override {
    const auto grad_a = grad_target(0), grad_c = grad_target(1);
    if (grad_a) accumulate(grad_a, c, false);
    if (grad_c) accumulate(grad_c, a, true);
  }

  /// grad_a = factor * G c, grad_c = factor * G^T a
  void accumulate(const autograd::GradTarget& target, const Tensor& other, bool transposed) const {
    const Tensor grad_out = grad_output();
    const std::int64_t batch = a.dim(0), m = a.dim(1), n = c.dim(1), width = a.dim(2),
                       size = width / heads;
    const std::int64_t own = transposed ? n : m, others = transposed ? m : n;
    for (std::int64_t h = 0; h < heads; ++h) {
      kernels::matmul(a.context(), {.dtype = a.dtype(),
                                    .out = target.grad.data_at(h * size),
                                    .a = grad_out.data_at(h * m * n),
                                    .b = other.data_at(h * size),
                                    .m = own,
                                    .n = size,
                                    .k = others,
                                    .lda = n,
                                    .ldb = width,
                                    .ldc = width,
                                    .trans_a = transposed,
                                    .batch = batch,
                                    .batch_stride_a = heads * m * n,
                                    .batch_stride_b = others * width,
                                    .batch_stride_out = own * width,
                                    .alpha = factor,
                                    .write = target.write});
    }
  }
};

}  // namespace

Tensor head_scores(const Tensor& a, const Tensor& c, std::int64_t heads, double factor) {
  check_floating("head_scores", "a", a);
  check_floating("head_scores", "c", c);
  check_same_kind("head_scores", "c", c, "a", a);
  require(heads >= 1 && a.rank() == 3 && a.dim(2) % heads == 0,
          "[head_scores] a must have shape [B, M, {} heads * D], got {}.", heads,
          to_string(a.shape()));
  require(c.rank() == 3 && c.dim(0) == a.dim(0) && c.dim(2) == a.dim(2),
          "[head_scores] c must have shape [{}, N, {}] like a, got {}.", a.dim(0), a.dim(2),
          to_string(c.shape()));
  const std::int64_t batch = a.dim(0), m = a.dim(1), n = c.dim(1), width = a.dim(2),
                     size = width / heads;
  const Tensor out = Tensor::empty({batch, heads, m, n}, a.dtype(), a.device());
  for (std::int64_t h = 0; h < heads; ++h) {
    kernels::matmul(a.context(), {.dtype = a.dtype(),
                                  .out = out.data_at(h * m * n),
                                  .a = a.data_at(h * size),
                                  .b = c.data_at(h * size),
                                  .m = m,
                                  .n = n,
                                  .k = size,
                                  .lda = width,
                                  .ldb = width,
                                  .ldc = n,
                                  .trans_b = true,
                                  .batch = batch,
                                  .batch_stride_a = m * width,
                                  .batch_stride_b = n * width,
                                  .batch_stride_out = heads * m * n,
                                  .alpha = factor});
  }
  if (const auto node = autograd::record<HeadScoresNode>({a, c}, {out})) {
    node->a = a.detach();
    node->c = c.detach();
    node->heads = heads;
    node->factor = factor;
  }
  return out;
}

}  // namespace seqpe::ops

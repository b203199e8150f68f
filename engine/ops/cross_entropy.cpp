#include "engine/ops/cross_entropy.h"

#include <algorithm>

#include "engine/autograd/node.h"
#include "engine/ops/check.h"
#include "engine/ops/gradient.h"
#include "engine/ops/loss.h"
#include "kernels/matmul.h"
#include "kernels/reduce.h"
#include "kernels/soft_cross_entropy.h"

namespace seqpe::ops {
namespace {

/// The gradients of the mean loss were computed in the forward pass; backward scales them.
struct CrossEntropyNode final : autograd::Node {
  std::vector<Tensor> gradients;  // one an input; undefined where not wanted

  void backward() override {
    const Tensor factor = grad_output();
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      if (!gradients[i].defined()) continue;
      const bool wide = gradients[i].dtype() != inputs()[i]->dtype;
      write_gradient(wide ? wide_grad_target(i) : grad_target(i), gradients[i], factor);
    }
  }
};

void check_labels(const char* op, const Tensor& labels, std::int64_t rows, double divisor) {
  require(labels.defined() && labels.dtype() == DType::i64 && labels.numel() == rows,
          "[{}] labels must be {} i64 values (rows of x), got {}.", op, rows,
          labels.defined()
              ? fmt::format("{} {}", name_of(labels.dtype()), to_string(labels.shape()))
              : "an undefined tensor");
  require(divisor >= 0, "[{}] divisor must be >= 0, got {}.", op, divisor);
  require(divisor > 0 || labels.device() == Device::cpu,
          "[{}] labels on {} need a divisor: the host does not count them.", op,
          name_of(labels.device()));
}

/// 0 for labels of another device, which are not looked at.
std::int64_t count_labels(const char* op, const Tensor& labels, std::int64_t classes) {
  if (labels.device() != Device::cpu) return 0;
  std::int64_t counted = 0;
  for (const std::int64_t label : labels.span<std::int64_t>()) {
    require((label >= 0 && label < classes) || label == kIgnoreIndex,
            "[{}] labels must lie in [0, {}) or be {} (ignored), got {}.", op, classes,
            kIgnoreIndex, label);
    counted += label != kIgnoreIndex;
  }
  return counted;
}

Tensor sum_of(const Tensor& losses, double divisor) {
  const Tensor sum = Tensor::empty({1}, DType::f64, losses.device());
  kernels::sum(losses.context(), {.dtype = losses.dtype(),
                                  .out = sum.data_as<double>(),
                                  .x = losses.data(),
                                  .count = losses.numel()});
  return weighted_sum({{sum, 1.0 / divisor}});
}

/// How many logits are made at once: few enough to be small beside what else a step takes, in rows
/// enough for full GEMM speed at GPT-2's vocabulary.
struct LogitsPlan {
  std::int64_t logits;      // at most, unless least_rows have more
  std::int64_t least_rows;  // where there are as many
  std::int64_t tile;        // rows come in multiples of it
};
constexpr LogitsPlan kPlanOfCpu{.logits = 24 << 20, .least_rows = 64, .tile = 1};  // 96 MB of f32
constexpr LogitsPlan kPlanOfCuda{.logits = 200 << 20, .least_rows = 128, .tile = 128};  // 4096 rows

double divisor_of(double asked, std::int64_t counted) {
  return asked > 0 ? asked : static_cast<double>(std::max<std::int64_t>(1, counted));
}

}  // namespace

CrossEntropy cross_entropy(const Tensor& logits, const Tensor& labels, double label_smoothing,
                           double divisor) {
  check_floating("cross_entropy", "logits", logits);
  require(logits.rank() >= 1 && logits.dim(-1) > 0,
          "[cross_entropy] logits must have a last dimension > 0, got {}.",
          to_string(logits.shape()));
  require(label_smoothing >= 0 && label_smoothing <= 1,
          "[cross_entropy] label_smoothing must lie in [0, 1], got {}.", label_smoothing);
  const std::int64_t classes = logits.dim(-1), rows = logits.numel() / classes;
  CrossEntropy result;
  check_labels("cross_entropy", labels, rows, divisor);
  result.counted = count_labels("cross_entropy", labels, classes);
  divisor = divisor_of(divisor, result.counted);
  const Tensor losses = Tensor::empty({rows}, acc_dtype(logits.dtype()), logits.device());
  const Tensor at_logits = labels.to(logits.device());
  Tensor gradient;
  if (autograd::needs_recording({logits})) {
    gradient = Tensor::empty(logits.shape(), logits.dtype(), logits.device());
  }
  kernels::cross_entropy(logits.context(),
                         {.dtype = logits.dtype(),
                          .losses = losses.data(),
                          .logits = logits.data(),
                          .labels = at_logits.data_as<std::int64_t>(),
                          .rows = rows,
                          .cols = classes,
                          .stride = classes,
                          .label_smoothing = label_smoothing,
                          .grad_logits = gradient.defined() ? gradient.data() : nullptr,
                          .grad_scale = 1.0 / divisor});
  result.loss = sum_of(losses, divisor);
  if (const auto node = autograd::record<CrossEntropyNode>({logits}, {result.loss}))
    node->gradients = {gradient};
  return result;
}

Tensor soft_cross_entropy(const Tensor& logits, const Tensor& targets, double divisor) {
  constexpr const char* kOp = "soft_cross_entropy";
  check_floating(kOp, "logits", logits);
  require(logits.rank() >= 1 && logits.numel() > 0,
          "[{}] logits must have at least one element, got {}.", kOp, to_string(logits.shape()));
  check_shape(kOp, "targets", targets, logits.shape(), "shape of logits");
  require(targets.dtype() == DType::f32 && targets.device() == logits.device(),
          "[{}] targets must be f32 on {}, got {} on {}.", kOp, name_of(logits.device()),
          name_of(targets.dtype()), name_of(targets.device()));
  require(divisor >= 0, "[{}] divisor must be >= 0, got {}.", kOp, divisor);
  const std::int64_t classes = logits.dim(-1), rows = logits.numel() / classes;
  divisor = divisor_of(divisor, rows);
  const Tensor losses = Tensor::empty({rows}, acc_dtype(logits.dtype()), logits.device());
  Tensor gradient;
  if (autograd::needs_recording({logits}))
    gradient = Tensor::empty(logits.shape(), logits.dtype(), logits.device());
  kernels::soft_cross_entropy(logits.context(),
                              {.dtype = logits.dtype(),
                               .losses = losses.data(),
                               .logits = logits.data(),
                               .targets = targets.data_as<float>(),
                               .rows = rows,
                               .cols = classes,
                               .grad_logits = gradient.defined() ? gradient.data() : nullptr,
                               .grad_scale = 1.0 / divisor});
  const Tensor loss = sum_of(losses, divisor);
  if (const auto node = autograd::record<CrossEntropyNode>({logits}, {loss}))
    node->gradients = {gradient};
  return loss;
}

std::int64_t rows_of_logits_at_once(std::int64_t rows, std::int64_t classes, Device device) {
  const LogitsPlan& plan = device == Device::cpu ? kPlanOfCpu : kPlanOfCuda;
  const std::int64_t whole_tiles = plan.logits / classes / plan.tile * plan.tile;
  return std::min(rows, std::max(plan.least_rows, whole_tiles));
}

CrossEntropy linear_cross_entropy(const Tensor& x, const Tensor& weight, const Tensor& labels,
                                  double divisor) {
  constexpr const char* kOp = "linear_cross_entropy";
  check_floating(kOp, "x", x);
  check_floating(kOp, "weight", weight);
  require(x.rank() >= 1, "[{}] x must have at least one dimension, got a scalar.", kOp);
  require(weight.rank() == 2 && weight.dim(0) >= 1 && weight.dim(1) == x.dim(-1),
          "[{}] weight must have shape [V, {}] (last dimension of x), got {}.", kOp, x.dim(-1),
          to_string(weight.shape()));
  check_same_kind(kOp, "weight", weight, "x", x);
  const std::int64_t classes = weight.dim(0), width = weight.dim(1);
  const std::int64_t rows = element_count({x.shape().begin(), x.shape().end() - 1});
  CrossEntropy result;
  check_labels(kOp, labels, rows, divisor);
  result.counted = count_labels(kOp, labels, classes);
  divisor = divisor_of(divisor, result.counted);

  const DType dtype = x.dtype();
  const bool recorded = autograd::needs_recording({x, weight});
  const Tensor losses = Tensor::empty({rows}, acc_dtype(dtype), x.device());
  Tensor grad_x, grad_weight;
  if (recorded && x.requires_grad()) grad_x = Tensor::empty({rows, width}, dtype, x.device());
  if (recorded && weight.requires_grad())
    grad_weight = Tensor::zeros(weight.shape(), autograd::grad_dtype(weight), x.device());

  const std::int64_t chunk = rows_of_logits_at_once(rows, classes, x.device());
  const std::int64_t stride =
      (classes + 63) / 64 * 64;  // rows start at cache lines though V may be odd
  const Tensor logits = Tensor::empty({chunk, stride}, dtype, x.device());
  const Tensor flat = x.detach().view({rows, width}), at_x = labels.to(x.device());
  for (std::int64_t begin = 0; begin < rows; begin += chunk) {
    const std::int64_t end = std::min(rows, begin + chunk);
    const Tensor part = flat.rows(begin, end);
    kernels::matmul(x.context(), {.dtype = dtype,
                                  .out = logits.data(),
                                  .a = part.data(),
                                  .b = weight.data(),
                                  .m = end - begin,
                                  .n = classes,
                                  .k = width,
                                  .lda = width,
                                  .ldb = width,
                                  .ldc = stride,
                                  .trans_b = true});
    kernels::cross_entropy(x.context(), {.dtype = dtype,
                                         .losses = losses.rows(begin, end).data(),
                                         .logits = logits.data(),
                                         .labels = at_x.data_as<std::int64_t>() + begin,
                                         .rows = end - begin,
                                         .cols = classes,
                                         .stride = stride,
                                         .grad_logits = recorded ? logits.data() : nullptr,
                                         .grad_scale = 1.0 / divisor});
    if (grad_x.defined()) {
      kernels::matmul(x.context(), {.dtype = dtype,
                                    .out = grad_x.rows(begin, end).data(),
                                    .a = logits.data(),
                                    .b = weight.data(),
                                    .m = end - begin,
                                    .n = width,
                                    .k = classes,
                                    .lda = stride,
                                    .ldb = width,
                                    .ldc = width});
    }
    if (grad_weight.defined()) {
      kernels::matmul(x.context(), {.dtype = dtype,
                                    .out = grad_weight.data(),
                                    .a = logits.data(),
                                    .b = part.data(),
                                    .m = classes,
                                    .n = width,
                                    .k = end - begin,
                                    .lda = stride,
                                    .ldb = width,
                                    .ldc = width,
                                    .trans_a = true,
                                    .write = Write::accumulate,
                                    .wide_out = grad_weight.dtype() != dtype});
    }
  }
  result.loss = sum_of(losses, divisor);
  if (const auto node = autograd::record<CrossEntropyNode>({x, weight}, {result.loss})) {
    node->gradients = {grad_x, grad_weight};
  }
  return result;
}

}  // namespace seqpe::ops

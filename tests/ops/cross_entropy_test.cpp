#include "engine/ops/cross_entropy.h"

#include "engine/ops/linear.h"
#include "tests/support/op_check.h"

namespace seqpe {
namespace {

using ops::kIgnoreIndex;
using test::random_tensor;

/// Labels of [0, classes), every third ignored from the second on.
Tensor labels_of(std::int64_t rows, std::int64_t classes) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < rows; ++i) labels.push_back(i % 3 == 1 ? kIgnoreIndex : i % classes);
  return Tensor::from({rows}, labels);
}

Tensor labels(const std::vector<std::int64_t>& values) {
  return Tensor::from({static_cast<std::int64_t>(values.size())}, values);
}

TEST(CrossEntropyOp, HandComputed) {
  const double ln3 = std::log(3.0), ln4 = std::log(4.0);
  Tensor logits = Tensor::from<double>({3, 2}, {0, ln3, 7, 9, 5, 5});
  logits.set_requires_grad();
  const Tensor targets = labels({0, kIgnoreIndex, 1});
  const ops::CrossEntropy mean = ops::cross_entropy(logits, targets);
  EXPECT_EQ(mean.counted, 2);
  test::expect_values(mean.loss, {1}, {(ln4 + std::log(2.0)) / 2}, 1e-15);
  // (softmax - one-hot) / 2, and nothing for the ignored row.
  autograd::backward(mean.loss);
  test::expect_values(logits.grad(), {3, 2}, {-0.375, 0.375, 0, 0, 0.25, -0.25}, 1e-15);

  test::expect_values(ops::cross_entropy(logits, targets, 0.0, 10.0).loss, {1},
                      {(ln4 + std::log(2.0)) / 10}, 1e-15);
  // Smoothing 0.2: 0.8 (lse - 0) + 0.2 (lse - mean).
  test::expect_values(ops::cross_entropy(logits, labels({0, -100, -100}), 0.2).loss, {1},
                      {ln4 - 0.1 * ln3}, 1e-15);
}

struct Sizes {
  Shape logits;
  double smoothing = 0, divisor = 0;
};

TEST(CrossEntropyOp, Sound) {
  for (const Sizes& sizes : {Sizes{{1, 1}},
                             {{7}},
                             {{4, 7}},
                             {{4, 7}, 0.1},
                             {{4, 7}, 1.0},
                             {{4, 7}, 0.0, 9.5},
                             {{2, 3, 5}, 0.3, 2},
                             {{0, 3}},
                             {{3, 67}},
                             {{19, 2}, 0.1}}) {
    const std::int64_t classes = sizes.logits.back();
    const std::int64_t rows = element_count({sizes.logits.begin(), sizes.logits.end() - 1});
    const Tensor targets = labels_of(rows, classes);
    test::OpCase op;
    op.name = fmt::format("{} smoothing {} divisor {}", to_string(sizes.logits), sizes.smoothing,
                          sizes.divisor);
    op.inputs = {random_tensor(sizes.logits, 1, DType::f64, -3, 3)};
    op.f = [=](const std::vector<Tensor>& in) {
      return ops::cross_entropy(in[0], targets, sizes.smoothing, sizes.divisor).loss;
    };
    op.terms = static_cast<double>(classes + rows);
    op.roundings = 2;  // the stored gradient, and its product with that of the loss
    test::expect_sound(op);
  }
}

TEST(CrossEntropyOp, LargeLogits) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    Tensor logits = Tensor::from<double>({1, 3}, {1024, 512, -1024}).to(dtype).clone();
    logits.set_requires_grad();
    const Tensor loss = ops::cross_entropy(logits, labels({1})).loss;
    EXPECT_EQ(loss.dtype(), DType::f64);
    test::expect_values(loss, {1}, {512});
    autograd::backward(loss);
    test::expect_values(logits.grad(), {1, 3}, {1, -1, 0}, 1e-37);
  }
}

TEST(CrossEntropyOp, AllIgnored) {
  Tensor x = random_tensor({2, 3}, 1), weight = random_tensor({5, 3}, 2);
  x.set_requires_grad();
  weight.set_requires_grad();
  const Tensor ignored = labels({kIgnoreIndex, kIgnoreIndex});
  const ops::CrossEntropy plain = ops::cross_entropy(x, ignored, 0.1),
                          fused = ops::linear_cross_entropy(x, weight, ignored);
  for (const ops::CrossEntropy& result : {plain, fused}) {
    EXPECT_EQ(result.counted, 0);
    EXPECT_EQ(result.loss.item(), 0.0);
    autograd::backward(result.loss);
  }
  test::expect_values(x.grad(), {2, 3}, std::vector<double>(6, 0.0));
  test::expect_values(weight.grad(), {5, 3}, std::vector<double>(15, 0.0));
}

TEST(CrossEntropyOp, Errors) {
  const auto call = [](const Tensor& logits, const Tensor& targets, double smoothing = 0,
                       double divisor = 0) {
    return [=] { ops::cross_entropy(logits, targets, smoothing, divisor); };
  };
  const Tensor logits = Tensor::zeros({2, 3}), good = labels({0, 2});
  test::expect_refused({
      {call({}, good), "[cross_entropy] logits must be a tensor, got an undefined one."},
      {call(good, good), "[cross_entropy] logits must be f32, f64 or bf16, got i64."},
      {call(Tensor::zeros({}), good),
       "[cross_entropy] logits must have a last dimension > 0, got []."},
      {call(Tensor::zeros({2, 0}), good),
       "[cross_entropy] logits must have a last dimension > 0, got [2, 0]."},
      {call(logits, {}),
       "[cross_entropy] labels must be 2 i64 values (rows of x), got an undefined tensor."},
      {call(logits, Tensor::zeros({2})),
       "[cross_entropy] labels must be 2 i64 values (rows of x), got f32 [2]."},
      {call(logits, labels({0})),
       "[cross_entropy] labels must be 2 i64 values (rows of x), got i64 [1]."},
      {call(logits, labels({0, 3})),
       "[cross_entropy] labels must lie in [0, 3) or be -100 (ignored), got 3."},
      {call(logits, labels({-1, 0})),
       "[cross_entropy] labels must lie in [0, 3) or be -100 (ignored), got -1."},
      {call(logits, good, -0.1), "[cross_entropy] label_smoothing must lie in [0, 1], got -0.1."},
      {call(logits, good, 1.5), "[cross_entropy] label_smoothing must lie in [0, 1], got 1.5."},
      {call(logits, good, 0, -1), "[cross_entropy] divisor must be >= 0, got -1."},
  });
}

struct FusedSizes {
  Shape x;
  std::int64_t classes;
  double divisor = 0;
};

test::OpCase fused_case(const FusedSizes& sizes) {
  const std::int64_t rows = element_count({sizes.x.begin(), sizes.x.end() - 1});
  const Tensor targets = labels_of(rows, sizes.classes);
  test::OpCase op;
  op.name = fmt::format("{} x [{}], divisor {}", to_string(sizes.x), sizes.classes, sizes.divisor);
  op.inputs = {random_tensor(sizes.x, 1), random_tensor({sizes.classes, sizes.x.back()}, 2)};
  op.f = [=](const std::vector<Tensor>& in) {
    return ops::linear_cross_entropy(in[0], in[1], targets, sizes.divisor).loss;
  };
  op.terms = static_cast<double>(rows + sizes.classes + sizes.x.back());
  op.roundings = 4;  // logits, their gradient, the stored gradient, the scaled one
  return op;
}

const FusedSizes kFusedSizes[] = {{{1}, 1},    {{5}, 3},    {{4, 5}, 7, 3.5}, {{2, 3, 4}, 65},
                                  {{0, 3}, 2}, {{3, 0}, 2}, {{67, 2}, 3},     {{3, 33}, 2, 100}};

TEST(LinearCrossEntropyOp, Sound) {
  for (const FusedSizes& sizes : kFusedSizes) test::expect_sound(fused_case(sizes));
}

/// The loss and the gradients of x and weight, fused or as two ops.
struct Result {
  ops::CrossEntropy loss;
  Tensor grad_x, grad_weight;
};

Result run(const Tensor& x, const Tensor& weight, const Tensor& targets, double divisor,
           bool fused) {
  Result result;
  Tensor a = x.clone(), w = weight.clone();
  a.set_requires_grad();
  w.set_requires_grad();
  result.loss = fused ? ops::linear_cross_entropy(a, w, targets, divisor)
                      : ops::cross_entropy(ops::linear(a, w, {}, ops::WeightLayout::out_in),
                                           targets, 0.0, divisor);
  autograd::backward(result.loss.loss, Tensor::full({1}, 0.7, result.loss.loss.dtype()));
  result.grad_x = a.grad();
  result.grad_weight = w.grad();
  return result;
}

void expect_fused_equals_two_ops(const test::OpCase& op, const Tensor& targets, double divisor,
                                 DType dtype) {
  const Tensor x = op.inputs[0].to(dtype), weight = op.inputs[1].to(dtype);
  const Result fused = run(x, weight, targets, divisor, true),
               two = run(x, weight, targets, divisor, false);
  EXPECT_EQ(fused.loss.counted, two.loss.counted);
  test::expect_close(fused.loss.loss, two.loss.loss, op, dtype, "loss");
  test::expect_close(fused.grad_x, two.grad_x, op, dtype, "gradient of x");
  test::expect_close(fused.grad_weight, two.grad_weight, op, dtype, "gradient of weight");
}

TEST(LinearCrossEntropyOp, EqualsLinearThenCrossEntropy) {
  for (const FusedSizes& sizes : kFusedSizes) {
    const test::OpCase op = fused_case(sizes);
    SCOPED_TRACE(op.name);
    const std::int64_t rows = element_count({sizes.x.begin(), sizes.x.end() - 1});
    expect_fused_equals_two_ops(op, labels_of(rows, sizes.classes), sizes.divisor, DType::f64);
  }
}

TEST(LinearCrossEntropyOp, ChunksAddUp) {
  // So many classes that a chunk holds its least number of rows, 64: one row is left over.
  constexpr std::int64_t kRows = 65, kClasses = 132001;
  test::OpCase op;
  op.inputs = {random_tensor({kRows, 2}, 1), random_tensor({kClasses, 2}, 2)};
  op.terms = kClasses;
  std::vector<std::int64_t> targets;
  for (std::int64_t row = 0; row < kRows; ++row) targets.push_back(row * 2000 + 1);
  expect_fused_equals_two_ops(op, labels(targets), 0.0, DType::f32);
}

TEST(LinearCrossEntropyOp, ChunkFollowsTheDevice) {
  constexpr std::int64_t kRows = 16384, kClasses = 50257;
  EXPECT_EQ(ops::rows_of_logits_at_once(kRows, kClasses, Device::cpu), 500);
  EXPECT_EQ(ops::rows_of_logits_at_once(kRows, kClasses, Device::cuda), 4096);
  EXPECT_EQ(ops::rows_of_logits_at_once(kRows, std::int64_t{1} << 30, Device::cpu), 64);
  EXPECT_EQ(ops::rows_of_logits_at_once(kRows, std::int64_t{1} << 30, Device::cuda), 128);
  EXPECT_EQ(ops::rows_of_logits_at_once(100, kClasses, Device::cuda), 100);
}

TEST(LinearCrossEntropyOp, Errors) {
  const auto call = [](const Tensor& x, const Tensor& weight, const Tensor& targets,
                       double divisor = 0) {
    return [=] { ops::linear_cross_entropy(x, weight, targets, divisor); };
  };
  const Tensor x = Tensor::zeros({2, 3}), weight = Tensor::zeros({5, 3}), good = labels({0, 4});
  test::expect_refused({
      {call({}, weight, good), "[linear_cross_entropy] x must be a tensor, got an undefined one."},
      {call(good, weight, good), "[linear_cross_entropy] x must be f32, f64 or bf16, got i64."},
      {call(x, {}, good), "[linear_cross_entropy] weight must be a tensor, got an undefined one."},
      {call(x, good, good), "[linear_cross_entropy] weight must be f32, f64 or bf16, got i64."},
      {call(Tensor::zeros({}), weight, good),
       "[linear_cross_entropy] x must have at least one dimension, got a scalar."},
      {call(x, Tensor::zeros({5}), good),
       "[linear_cross_entropy] weight must have shape [V, 3] (last dimension of x), got [5]."},
      {call(x, Tensor::zeros({3, 5}), good),
       "[linear_cross_entropy] weight must have shape [V, 3] (last dimension of x), got [3, 5]."},
      {call(x, Tensor::zeros({0, 3}), good),
       "[linear_cross_entropy] weight must have shape [V, 3] (last dimension of x), got [0, 3]."},
      {call(x, weight.to(DType::f64), good),
       "[linear_cross_entropy] weight must be f32 on cpu like x, got f64 on cpu."},
      {call(x, weight, labels({0})),
       "[linear_cross_entropy] labels must be 2 i64 values (rows of x), got i64 [1]."},
      {call(x, weight, labels({0, 5})),
       "[linear_cross_entropy] labels must lie in [0, 5) or be -100 (ignored), got 5."},
      {call(x, weight, good, -2), "[linear_cross_entropy] divisor must be >= 0, got -2."},
  });
}

TEST(SoftCrossEntropyOp, HandComputed) {
  const double ln3 = std::log(3.0);
  Tensor logits = Tensor::from<double>({2, 2}, {0, ln3, 5, 5});
  logits.set_requires_grad();
  const Tensor targets = Tensor::from<float>({2, 2}, {0.75, 0.25, 0, 0.5});
  // lse is ln 4 and 5 + ln 2: ln 4 - ln(3) / 4 and ln(2) / 2.
  const double first = std::log(4.0) - ln3 / 4, second = std::log(2.0) / 2;
  const Tensor loss = ops::soft_cross_entropy(logits, targets);
  test::expect_values(loss, {1}, {(first + second) / 2}, 1e-15);
  autograd::backward(loss);
  test::expect_values(logits.grad(), {2, 2}, {-0.25, 0.25, 0.125, -0.125}, 1e-15);
  test::expect_values(ops::soft_cross_entropy(logits, targets, 10.0), {1}, {(first + second) / 10},
                      1e-15);
}

TEST(SoftCrossEntropyOp, Sound) {
  for (const Shape& shape : {Shape{1, 1}, {7}, {4, 7}, {2, 3, 5}, {19, 67}}) {
    const Tensor targets = random_tensor(shape, 2, DType::f32, 0, 1);
    test::OpCase op;
    op.name = to_string(shape);
    op.inputs = {random_tensor(shape, 1, DType::f64, -3, 3)};
    op.f = [=](const std::vector<Tensor>& in) { return ops::soft_cross_entropy(in[0], targets); };
    op.terms = static_cast<double>(element_count(shape));
    op.roundings = 2;  // the stored gradient, and its product with that of the loss
    test::expect_sound(op);
  }
}

TEST(SoftCrossEntropyOp, OneHotTargetsAreLabels) {
  const Tensor logits = random_tensor({3, 4}, 1, DType::f64);
  const Tensor targets = Tensor::from<float>({3, 4}, {0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1});
  EXPECT_NEAR(ops::soft_cross_entropy(logits, targets).item(),
              ops::cross_entropy(logits, labels({2, 0, 3})).loss.item(), 1e-14);
}

TEST(SoftCrossEntropyOp, Errors) {
  const auto call = [](const Tensor& logits, const Tensor& targets, double divisor = 0) {
    return [=] { ops::soft_cross_entropy(logits, targets, divisor); };
  };
  const Tensor logits = Tensor::zeros({2, 3});
  test::expect_refused({
      {call({}, logits), "[soft_cross_entropy] logits must be a tensor, got an undefined one."},
      {call(Tensor::zeros({0, 3}), Tensor::zeros({0, 3})),
       "[soft_cross_entropy] logits must have at least one element, got [0, 3]."},
      {call(logits, Tensor::zeros({3, 2})),
       "[soft_cross_entropy] targets must have shape [2, 3] (shape of logits), got [3, 2]."},
      {call(logits, Tensor::zeros({2, 3}, DType::f64)),
       "[soft_cross_entropy] targets must be f32 on cpu, got f64 on cpu."},
      {call(logits, logits, -1), "[soft_cross_entropy] divisor must be >= 0, got -1."},
  });
}

}  // namespace
}  // namespace seqpe

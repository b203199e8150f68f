#include "engine/ops/divergence.h"

#include "tests/support/op_check.h"

namespace seqpe {
namespace {

using ops::DivergenceKind;
using test::random_tensor;

constexpr DivergenceKind kKinds[] = {DivergenceKind::kl_div, DivergenceKind::mse};

TEST(DivergenceOp, HandComputed) {
  // exp(t) (t - s): 1/4 * 2 and 3/4 * (-4); squares: 4 and 16. Means over two elements.
  const Tensor target = Tensor::from<double>({2}, {std::log(0.25), std::log(0.75)});
  const Tensor student = Tensor::from<double>({2}, {std::log(0.25) - 2, std::log(0.75) + 4});
  test::expect_values(ops::divergence(target, student, DivergenceKind::kl_div), {1}, {-1.25},
                      1e-15);
  test::expect_values(ops::divergence(target, student, DivergenceKind::mse), {1}, {10}, 1e-14);
}

TEST(DivergenceOp, EqualTensorsDoNotDiverge) {
  for (const DivergenceKind kind : kKinds) {
    const Tensor x = random_tensor({3, 4}, 1);
    test::expect_values(ops::divergence(x, x.clone(), kind), {1}, {0});
    test::expect_gradients_match(
        [kind](const std::vector<Tensor>& in) { return ops::divergence(in[0], in[0], kind); }, {x});
  }
}

TEST(DivergenceOp, Sound) {
  for (const DivergenceKind kind : kKinds) {
    for (const Shape& shape : {Shape{}, {1}, {3, 5}, {2, 3, 11}, {0, 3}}) {
      test::OpCase op;
      op.name =
          fmt::format("{} {}", kind == DivergenceKind::kl_div ? "kl_div" : "mse", to_string(shape));
      op.inputs = {random_tensor(shape, 1, DType::f64, -3, 0),
                   random_tensor(shape, 2, DType::f64, -3, 0)};
      op.f = [kind](const std::vector<Tensor>& in) { return ops::divergence(in[0], in[1], kind); };
      op.terms = static_cast<double>(element_count(shape));
      test::expect_sound(op);
    }
  }
}

TEST(DivergenceOp, ChunksAddUp) {
  // One element more than two chunks of a thread.
  constexpr std::int64_t kCount = 2 * 4096 + 1;
  for (const DivergenceKind kind : kKinds) {
    test::OpCase op;
    op.inputs = {random_tensor({kCount}, 1, DType::f64, -3, 0),
                 random_tensor({kCount}, 2, DType::f64, -3, 0)};
    op.f = [kind](const std::vector<Tensor>& in) { return ops::divergence(in[0], in[1], kind); };
    op.terms = kCount;
    double mean = 0;
    for (std::int64_t i = 0; i < kCount; ++i) {
      const double t = op.inputs[0].data_as<double>()[i];
      const double difference = t - op.inputs[1].data_as<double>()[i];
      mean += (kind == DivergenceKind::kl_div ? std::exp(t) : difference) * difference / kCount;
    }
    test::expect_close(op.f(op.inputs), Tensor::full({1}, mean, DType::f64), op, DType::f64,
                       "mean");
    test::expect_same_bits_for_any_threads(op);
  }
}

TEST(DivergenceOp, Errors) {
  const auto call = [](const Tensor& target, const Tensor& student) {
    return [=] { ops::divergence(target, student, DivergenceKind::mse); };
  };
  const Tensor x = Tensor::zeros({2, 3});
  test::expect_refused({
      {call({}, x), "[divergence] target must be a tensor, got an undefined one."},
      {call(Tensor::from<std::int64_t>({1}, {0}), x),
       "[divergence] target must be f32, f64 or bf16, got i64."},
      {call(x, {}), "[divergence] student must be a tensor, got an undefined one."},
      {call(x, Tensor::zeros({3, 2})),
       "[divergence] student must have shape [2, 3] (shape of target), got [3, 2]."},
      {call(x, x.to(DType::f64)),
       "[divergence] student must be f32 on cpu like target, got f64 on cpu."},
  });
}

}  // namespace
}  // namespace seqpe

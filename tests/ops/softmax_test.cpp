#include "engine/ops/softmax.h"

#include "tests/support/op_check.h"

namespace seqpe {
namespace {

using test::random_tensor;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(SoftmaxOp, HandComputed) {
  const double ln3 = std::log(3.0);
  const Tensor x = Tensor::from<double>({2, 2}, {0, ln3, 5, 5});
  test::expect_values(ops::softmax(x), {2, 2}, {0.25, 0.75, 0.5, 0.5}, 1e-15);
  test::expect_values(ops::log_softmax(x), {2, 2},
                      {-std::log(4.0), ln3 - std::log(4.0), -std::log(2.0), -std::log(2.0)}, 1e-15);
}

TEST(SoftmaxOp, Sound) {
  for (const Shape& shape : {Shape{1}, {5}, {3, 1}, {3, 7}, {2, 3, 5}, {0, 4}, {2, 67}, {33, 2}}) {
    test::OpCase op;
    op.inputs = {random_tensor(shape, 1, DType::f64, -4, 4)};
    op.terms = static_cast<double>(shape.back());
    op.roundings = 3;  // of the output, which backward reads again
    op.name = "softmax " + to_string(shape);
    op.f = [](const std::vector<Tensor>& in) { return ops::softmax(in[0]); };
    test::expect_sound(op);
    op.name = "log_softmax " + to_string(shape);
    op.f = [](const std::vector<Tensor>& in) { return ops::log_softmax(in[0]); };
    test::expect_sound(op);
  }
}

TEST(SoftmaxOp, ExtremeLogits) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    SCOPED_TRACE(name_of(dtype));
    const Tensor large = Tensor::from<double>({1, 3}, {1024, 1024 - 256, -1024}).to(dtype);
    test::expect_values(ops::softmax(large), {1, 3}, {1, 0, 0}, 1e-37);
    test::expect_values(ops::log_softmax(large), {1, 3}, {0, -256, -2048});
    const Tensor masked = Tensor::from<double>({1, 3}, {2, -kInfinity, 2}).to(dtype);
    test::expect_values(ops::softmax(masked), {1, 3}, {0.5, 0, 0.5});
  }
}

TEST(SoftmaxOp, Errors) {
  const auto call = [](const Tensor& x) { return [=] { ops::softmax(x); }; };
  const auto log_call = [](const Tensor& x) { return [=] { ops::log_softmax(x); }; };
  const Tensor integers = Tensor::from<std::int64_t>({1}, {0});
  test::expect_refused({
      {call({}), "[softmax] x must be a tensor, got an undefined one."},
      {call(integers), "[softmax] x must be f32, f64 or bf16, got i64."},
      {call(Tensor::zeros({})), "[softmax] x must have a last dimension > 0, got []."},
      {call(Tensor::zeros({3, 0})), "[softmax] x must have a last dimension > 0, got [3, 0]."},
      {log_call({}), "[log_softmax] x must be a tensor, got an undefined one."},
      {log_call(integers), "[log_softmax] x must be f32, f64 or bf16, got i64."},
      {log_call(Tensor::zeros({})), "[log_softmax] x must have a last dimension > 0, got []."},
  });
}

}  // namespace
}  // namespace seqpe

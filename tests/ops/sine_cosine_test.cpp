#include "engine/ops/sine_cosine.h"

#include "tests/support/op_check.h"

namespace seqpe {
namespace {

TEST(SineCosineOp, HandComputed) {
  const double sixth = std::acos(-1.0) / 6;
  Tensor angles = Tensor::from<double>({2, 2}, {0, sixth, 3 * sixth, -sixth});
  angles.set_requires_grad();
  const Tensor out = ops::sine_cosine(angles);
  const double root = std::sqrt(3.0) / 2;
  test::expect_values(out, {2, 4}, {0, 0.5, 1, root, 1, -0.5, 0, root}, 1e-15);
  autograd::backward(out, Tensor::from<double>({2, 4}, {1, 2, 4, 8, 1, 1, 1, 1}));
  test::expect_values(angles.grad(), {2, 2}, {1, 2 * root - 4, -1, root + 0.5}, 1e-15);
}

TEST(SineCosineOp, Sound) {
  for (const Shape& shape : {Shape{1}, {7}, {3, 5}, {2, 3, 8}, {0, 4}}) {
    test::OpCase op;
    op.name = to_string(shape);
    op.inputs = {test::random_tensor(shape, 1, DType::f64, -4, 4)};
    op.f = [](const std::vector<Tensor>& in) { return ops::sine_cosine(in[0]); };
    op.roundings = 2;  // what forward stored is read by backward
    test::expect_sound(op);
  }
}

TEST(SineCosineOp, Errors) {
  test::expect_refused({
      {[] { ops::sine_cosine({}); },
       "[sine_cosine] angles must be a tensor, got an undefined one."},
      {[] {
         ops::sine_cosine(Tensor::zeros({2, 0}));
       },
       "[sine_cosine] angles must have a last dimension > 0, got [2, 0]."},
  });
}

}  // namespace
}  // namespace seqpe

#include "engine/ops/elementwise.h"

#include "engine/autograd/node.h"
#include "tests/support/expect_error.h"
#include "tests/support/op_check.h"
#include "tests/support/tensor_compare.h"

namespace seqpe {
namespace {

using test::random_tensor;

const Shape kShapes[] = {{}, {1}, {3, 5}, {2, 3, 11}, {0, 3}};

/// More elements than a thread's chunk, not a multiple of a vector.
constexpr std::int64_t kManyElements = 2 * 8192 + 3;

TEST(ElementwiseOps, HandComputed) {
  const Tensor a = Tensor::from<double>({3}, {1, -2, 3}),
               b = Tensor::from<double>({3}, {10, 20, 30});
  test::expect_values(ops::add(a, b), {3}, {11, 18, 33});
  test::expect_values(ops::multiply(a, b), {3}, {10, -40, 90});
  test::expect_values(ops::scale(a, -2), {3}, {-2, 4, -6});
}

using Binary = Tensor (*)(const Tensor&, const Tensor&);

struct BinaryOp {
  const char* name;
  Binary op;
};

constexpr BinaryOp kBinaryOps[] = {{"add", ops::add}, {"multiply", ops::multiply}};

TEST(ElementwiseOps, AddAndMultiplyAreSound) {
  for (const BinaryOp& binary : kBinaryOps) {
    test::OpCase op;
    op.f = [&](const std::vector<Tensor>& in) { return binary.op(in[0], in[1]); };
    for (const Shape& shape : kShapes) {
      op.name = std::string(binary.name) + " " + to_string(shape);
      op.inputs = {random_tensor(shape, 1), random_tensor(shape, 2)};
      test::expect_sound(op);
    }
    op.inputs = {random_tensor({kManyElements}, 1), random_tensor({kManyElements}, 2)};
    test::expect_same_bits_for_any_threads(op);
    test::expect_agrees_with_f64(op, DType::f32);
    // Both inputs are one tensor: its two gradients add up.
    test::expect_gradients_match(
        [&](const std::vector<Tensor>& in) { return binary.op(in[0], in[0]); },
        {random_tensor({5}, 1)});
  }
}

TEST(ElementwiseOps, ConvertRoundsForwardAndWidensBackward) {
  Tensor x = Tensor::from<float>({3}, {1.0f, 1.0f + 0x1p-8f + 0x1p-20f, -3.0f});
  x.set_requires_grad();
  const Tensor out = ops::convert(x, DType::bf16);
  EXPECT_EQ(out.dtype(), DType::bf16);
  EXPECT_EQ(test::elements<double>(out.to(DType::f64)),
            (std::vector<double>{1.0, 1.0 + 0x1p-7, -3.0}));
  autograd::backward(ops::scale(out, 1.0), Tensor::full({3}, 0.5, DType::bf16));
  EXPECT_EQ(test::elements<float>(x.grad()), (std::vector<float>{0.5f, 0.5f, 0.5f}));
  EXPECT_EQ(ops::convert(x, DType::f32).data(), x.data()) << "nothing to do";
  test::expect_error([] { ops::convert(Tensor::zeros({1}, DType::i64), DType::f32); },
                     "[convert] x must be f32, f64 or bf16, got i64.");
}

TEST(ElementwiseOps, ScaleIsSound) {
  for (const double factor : {-1.7, 0.0, 1.0}) {
    for (const Shape& shape : kShapes) {
      test::OpCase op;
      op.name = fmt::format("scale {} by {}", to_string(shape), factor);
      op.inputs = {random_tensor(shape, 1)};
      op.f = [factor](const std::vector<Tensor>& in) { return ops::scale(in[0], factor); };
      test::expect_sound(op);
    }
  }
}

TEST(AddRowsOp, HandComputed) {
  Tensor x = Tensor::from<double>({3, 2}, {1, 2, 3, 4, 5, 6});
  Tensor y = Tensor::from<double>({2, 2}, {10, 20, 30, 40});
  y.set_requires_grad();
  test::expect_values(ops::add_rows(x, y), {3, 2}, {11, 22, 33, 44, 15, 26});
  const Tensor out = ops::add_rows(x, y, 3);  // rows 3, 4, 5 use blocks 1, 0, 1
  test::expect_values(out, {3, 2}, {31, 42, 13, 24, 35, 46});
  autograd::backward(out, Tensor::from<double>({3, 2}, {1, 2, 3, 4, 5, 6}));
  test::expect_values(y.grad(), {2, 2}, {3, 4, 6, 8});
}

TEST(AddRowsOp, Sound) {
  struct Sizes {
    Shape x;
    std::int64_t blocks, first_row;
  };
  for (const Sizes& sizes : {Sizes{{1}, 1, 0},
                             {{5, 3}, 1, 0},
                             {{5, 3}, 2, 0},
                             {{5, 3}, 3, 7},
                             {{2, 3}, 5, 4},
                             {{4, 2, 3}, 4, 0},
                             {{0, 3}, 2, 1},
                             {{3, 0}, 2, 0},
                             {{3, 261}, 2, 1}}) {
    test::OpCase op;
    op.name =
        fmt::format("{}, {} blocks from {}", to_string(sizes.x), sizes.blocks, sizes.first_row);
    Shape y = sizes.x;
    y[0] = sizes.blocks;
    op.inputs = {random_tensor(sizes.x, 1), random_tensor(y, 2)};
    op.f = [first = sizes.first_row](const std::vector<Tensor>& in) {
      return ops::add_rows(in[0], in[1], first);
    };
    op.terms = static_cast<double>(sizes.x[0]);
    test::expect_sound(op);
  }
}

TEST(AddRowsOp, RowsOfItself) {
  test::expect_gradients_match(
      [](const std::vector<Tensor>& in) { return ops::add_rows(in[0], in[0], 1); },
      {random_tensor({3, 2}, 1)});
}

TEST(ElementwiseOps, Errors) {
  const Tensor x = Tensor::zeros({2, 3}), integers = Tensor::from<std::int64_t>({1}, {0});
  for (const BinaryOp& binary : kBinaryOps) {
    const auto call = [&](const Tensor& a, const Tensor& b) { return [=] { binary.op(a, b); }; };
    const std::string op = fmt::format("[{}] ", binary.name);
    test::expect_refused({
        {call({}, x), op + "a must be a tensor, got an undefined one."},
        {call(integers, x), op + "a must be f32, f64 or bf16, got i64."},
        {call(x, {}), op + "b must be a tensor, got an undefined one."},
        {call(x, Tensor::zeros({3, 2})), op + "b must have shape [2, 3] (shape of a), got [3, 2]."},
        {call(x, x.to(DType::f64)), op + "b must be f32 on cpu like a, got f64 on cpu."},
    });
  }
  const auto rows = [](const Tensor& a, const Tensor& b) { return [=] { ops::add_rows(a, b); }; };
  const std::string shape =
      "[add_rows] y must have the shape of x [2, 3] but for the leading dimension, got ";
  test::expect_refused({
      {[] { ops::scale({}, 2); }, "[scale] x must be a tensor, got an undefined one."},
      {[&] { ops::scale(integers, 2); }, "[scale] x must be f32, f64 or bf16, got i64."},
      {rows({}, x), "[add_rows] x must be a tensor, got an undefined one."},
      {rows(integers, x), "[add_rows] x must be f32, f64 or bf16, got i64."},
      {rows(x, {}), "[add_rows] y must be a tensor, got an undefined one."},
      {rows(x, integers), "[add_rows] y must be f32, f64 or bf16, got i64."},
      {rows(x, x.to(DType::bf16)), "[add_rows] y must be f32 on cpu like x, got bf16 on cpu."},
      {rows(x, Tensor::zeros({2, 2})), shape + "[2, 2]."},
      {rows(x, Tensor::zeros({3})), shape + "[3]."},
      {rows(x, Tensor::zeros({0, 3})), shape + "[0, 3]."},
  });
}

}  // namespace
}  // namespace seqpe

#include "engine/ops/linear.h"

#include "tests/support/op_check.h"

namespace seqpe {
namespace {

using ops::Activation;
using ops::WeightLayout;
using test::random_tensor;

constexpr Activation kActivations[] = {Activation::none, Activation::gelu_tanh,
                                       Activation::gelu_erf};

Shape weight_shape(WeightLayout layout, std::int64_t in, std::int64_t out) {
  return layout == WeightLayout::in_out ? Shape{in, out} : Shape{out, in};
}

test::OpCase linear_case(const Shape& x, std::int64_t out, WeightLayout layout, bool bias,
                         Activation activation) {
  test::OpCase op;
  op.name = fmt::format("{} -> {}, layout {}, bias {}, activation {}", to_string(x), out,
                        static_cast<int>(layout), bias, static_cast<int>(activation));
  op.f = [=](const std::vector<Tensor>& in) {
    return ops::linear(in[0], in[1], bias ? in[2] : Tensor(), layout, activation);
  };
  op.inputs = {random_tensor(x, 1), random_tensor(weight_shape(layout, x.back(), out), 2)};
  if (bias) op.inputs.push_back(random_tensor({out}, 3));
  const std::int64_t rows = element_count(Shape(x.begin(), x.end() - 1));
  op.terms = static_cast<double>(std::max({rows, x.back(), out}));
  // In bf16 the product is stored before the bias, and the gradient before the activation is
  // stored again.
  op.roundings = 4;
  return op;
}

TEST(LinearOp, HandComputed) {
  // [1 2 3] [[1 2] [3 4] [5 6]] = [22 28]
  const Tensor x = Tensor::from<double>({1, 3}, {1, 2, 3});
  const Tensor weight = Tensor::from<double>({3, 2}, {1, 2, 3, 4, 5, 6});
  const Tensor transposed = Tensor::from<double>({2, 3}, {1, 3, 5, 2, 4, 6});
  const Tensor bias = Tensor::from<double>({2}, {-23, 2});
  test::expect_values(ops::linear(x, weight, {}, WeightLayout::in_out), {1, 2}, {22, 28});
  test::expect_values(ops::linear(x, transposed, {}, WeightLayout::out_in), {1, 2}, {22, 28});
  test::expect_values(ops::linear(x, weight, bias, WeightLayout::in_out), {1, 2}, {-1, 30});
  // gelu(-1) = -1 * Phi(-1); the tanh form is 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
  test::expect_values(ops::linear(x, weight, bias, WeightLayout::in_out, Activation::gelu_erf),
                      {1, 2}, {-0.158655253931457, 30}, 1e-14);
  test::expect_values(ops::linear(x, weight, bias, WeightLayout::in_out, Activation::gelu_tanh),
                      {1, 2}, {-0.15880800939172324, 30}, 1e-14);
}

TEST(LinearOp, EveryOption) {
  for (const WeightLayout layout : {WeightLayout::in_out, WeightLayout::out_in}) {
    for (const Activation activation : kActivations) {
      for (const bool bias : {false, true}) {
        if (activation != Activation::none && !bias) continue;
        test::expect_sound(linear_case({2, 3, 5}, 7, layout, bias, activation));
      }
    }
  }
}

TEST(LinearOp, OddSizes) {
  for (const WeightLayout layout : {WeightLayout::in_out, WeightLayout::out_in}) {
    for (const Activation activation : kActivations) {
      test::expect_sound(linear_case({0, 3}, 2, layout, true, activation));
      test::expect_sound(linear_case({1}, 1, layout, true, activation));
      test::expect_sound(linear_case({2, 0}, 3, layout, true, activation));
      test::expect_sound(linear_case({67, 3}, 1, layout, true, activation));
    }
  }
  // More rows than two partial sums of the bias gradient hold.
  test::expect_sound(linear_case({261, 1}, 2, WeightLayout::in_out, true, Activation::gelu_tanh));
}

TEST(LinearOp, RowsDoNotDependOnEachOther) {
  // So wide that bias and activation follow the product in blocks of 128 rows, the least there is.
  constexpr std::int64_t kRows = 130, kOut = 2049;
  const Tensor weight = random_tensor({1, kOut}, 2), bias = random_tensor({kOut}, 3);
  const Tensor grad_out = random_tensor({kRows, kOut}, 4);
  const auto pass = [&](const Tensor& x, std::int64_t begin, std::int64_t end) {
    Tensor rows = x.rows(begin, end).clone();
    rows.set_requires_grad();
    const Tensor out = ops::linear(rows, weight, bias, WeightLayout::in_out, Activation::gelu_tanh);
    autograd::backward(out, grad_out.rows(begin, end));
    return test::Pass{out.detach(), {rows.grad()}};
  };
  const Tensor x = random_tensor({kRows, 1}, 1);
  const test::Pass whole = pass(x, 0, kRows);
  for (const auto& [begin, end] : {std::pair{0, 1}, {127, 130}}) {
    const test::Pass part = pass(x, begin, end);
    EXPECT_TRUE(test::same_bits(part.out, whole.out.rows(begin, end)));
    EXPECT_TRUE(test::same_bits(part.grads[0], whole.grads[0].rows(begin, end)));
  }
}

test::OpCase columns_case(const Shape& x, std::int64_t out, WeightLayout layout, std::int64_t begin,
                          std::int64_t count, bool bias) {
  test::OpCase op = linear_case(x, out, layout, bias, Activation::none);
  op.name = fmt::format("columns [{}, {}) of {}", begin, begin + count, op.name);
  op.f = [=](const std::vector<Tensor>& in) {
    return ops::linear_columns(in[0], in[1], bias ? in[2] : Tensor(), layout, begin, count);
  };
  return op;
}

TEST(LinearOp, Columns) {
  for (const WeightLayout layout : {WeightLayout::in_out, WeightLayout::out_in}) {
    for (const bool bias : {false, true}) {
      for (const auto& [begin, count] : {std::pair{0, 9}, {0, 2}, {3, 5}, {8, 1}}) {
        test::expect_sound(columns_case({2, 2, 3}, 9, layout, begin, count, bias));
      }
    }
    test::expect_sound(columns_case({0, 3}, 4, layout, 1, 2, true));
  }
}

TEST(LinearOp, ColumnsAreThoseOfTheWholeProduct) {
  const Tensor x = random_tensor({4, 5}, 1), bias = random_tensor({9}, 3);
  for (const WeightLayout layout : {WeightLayout::in_out, WeightLayout::out_in}) {
    const Tensor weight = random_tensor(weight_shape(layout, 5, 9), 2);
    const Tensor whole = ops::linear(x, weight, bias, layout);
    const Tensor part = ops::linear_columns(x, weight, bias, layout, 3, 4);
    ASSERT_EQ(part.shape(), (Shape{4, 4}));
    for (std::int64_t row = 0; row < 4; ++row) {
      for (std::int64_t c = 0; c < 4; ++c) {
        EXPECT_EQ(part.data_as<double>()[row * 4 + c], whole.data_as<double>()[row * 9 + 3 + c]);
      }
    }
  }
}

TEST(LinearOp, PartsOfOneWeightAddUpInItsGradient) {
  // Where one token alone attends, queries and keys of different tokens have columns of one weight.
  for (const WeightLayout layout : {WeightLayout::in_out, WeightLayout::out_in}) {
    test::expect_gradients_match(
        [layout](const std::vector<Tensor>& in) {
          const Tensor q = ops::linear_columns(in[0], in[1], in[2], layout, 0, 2);
          return ops::linear_columns(q, in[1], in[2], layout, 1, 3);
        },
        {random_tensor({3, 2}, 1), random_tensor(weight_shape(layout, 2, 4), 2),
         random_tensor({4}, 3)});
  }
}

TEST(LinearOp, Bf16AgreesWithF32) {
  // Inputs that bf16 holds exactly: what differs is the rounding of the output alone.
  const Tensor x = random_tensor({9, 33}, 1, DType::bf16),
               weight = random_tensor({33, 17}, 2, DType::bf16),
               bias = random_tensor({17}, 3, DType::bf16);
  const Tensor narrow = ops::linear(x, weight, {}, WeightLayout::in_out);
  const Tensor wide =
      ops::linear(x.to(DType::f32), weight.to(DType::f32), {}, WeightLayout::in_out);
  ASSERT_EQ(narrow.dtype(), DType::bf16);
  const auto rounded = test::values_of(narrow), exact = test::values_of(wide);
  for (std::size_t i = 0; i < exact.size(); ++i) {
    EXPECT_NEAR(rounded[i], exact[i], 0x1p-8 * std::abs(exact[i]) + 1e-6) << i;
  }
}

TEST(LinearOp, Errors) {
  const Tensor x = Tensor::zeros({8, 4, 6}), weight = Tensor::zeros({6, 3}),
               transposed = Tensor::zeros({3, 6}), bias = Tensor::zeros({3});
  const auto call = [](const Tensor& a, const Tensor& w, const Tensor& b,
                       WeightLayout layout = WeightLayout::in_out,
                       Activation activation = Activation::none) {
    return [=] { ops::linear(a, w, b, layout, activation); };
  };
  const auto columns = [&](std::int64_t begin, std::int64_t count) {
    return [&, begin, count] {
      ops::linear_columns(x, weight, bias, WeightLayout::in_out, begin, count);
    };
  };
  test::expect_refused({
      {call({}, weight, {}), "[linear] x must be a tensor, got an undefined one."},
      {call(Tensor::from<std::int64_t>({1}, {0}), weight, {}),
       "[linear] x must be f32, f64 or bf16, got i64."},
      {call(Tensor::zeros({}), weight, {}),
       "[linear] x must have at least one dimension, got a scalar."},
      {call(x, {}, {}), "[linear] weight must be a matrix, got an undefined tensor."},
      {call(x, Tensor::zeros({6}), {}), "[linear] weight must be a matrix, got [6]."},
      {call(x, transposed, {}),
       "[linear] weight must have shape [6, 6] ([in, out] for the last dimension of x), got "
       "[3, 6]."},
      {call(x, weight, {}, WeightLayout::out_in),
       "[linear] weight must have shape [6, 6] ([out, in] for the last dimension of x), got "
       "[6, 3]."},
      {call(x, weight.to(DType::f64), {}),
       "[linear] weight must be f32 on cpu like x, got f64 on cpu."},
      {call(x, weight, Tensor::zeros({4})),
       "[linear] bias must have shape [3] (outputs of weight), got [4]."},
      {call(x, weight, bias.to(DType::bf16)),
       "[linear] bias must be f32 on cpu like x, got bf16 on cpu."},
      {call(x, weight, {}, WeightLayout::in_out, Activation::gelu_erf),
       "[linear] an activation needs a bias, got none."},
      {columns(-1, 2), "[linear] columns [-1, 1) do not lie in 3 outputs."},
      {columns(1, 0), "[linear] columns [1, 1) do not lie in 3 outputs."},
      {columns(2, 2), "[linear] columns [2, 4) do not lie in 3 outputs."},
  });
}

}  // namespace
}  // namespace seqpe

#include "engine/ops/rows.h"

#include "tests/support/op_check.h"

namespace seqpe {
namespace {

using test::random_tensor;

TEST(SliceRowsOp, HandComputed) {
  Tensor x = Tensor::from<double>({3, 2}, {1, 2, 3, 4, 5, 6});
  x.set_requires_grad();
  const Tensor out = ops::slice_rows(x, 1, 3);
  test::expect_values(out, {2, 2}, {3, 4, 5, 6});
  EXPECT_EQ(out.data_as<double>(), x.data_as<double>() + 2) << "a view copies nothing";
  autograd::backward(out, Tensor::from<double>({2, 2}, {10, 20, 30, 40}));
  test::expect_values(x.grad(), {3, 2}, {0, 0, 10, 20, 30, 40});
}

TEST(SliceRowsOp, Sound) {
  struct Sizes {
    Shape x;
    std::int64_t begin, end;
  };
  for (const Sizes& sizes : {Sizes{{1}, 0, 1},
                             {{4, 3}, 0, 4},
                             {{4, 3}, 1, 3},
                             {{5, 2, 3}, 4, 5},
                             {{4, 3}, 2, 2},
                             {{0, 3}, 0, 0},
                             {{3, 0}, 1, 2}}) {
    test::OpCase op;
    op.name = fmt::format("{} [{}, {})", to_string(sizes.x), sizes.begin, sizes.end);
    op.inputs = {random_tensor(sizes.x, 1)};
    op.f = [=](const std::vector<Tensor>& in) {
      return ops::slice_rows(in[0], sizes.begin, sizes.end);
    };
    test::expect_sound(op);
  }
}

TEST(SliceRowsOp, OverlappingSlicesAddUp) {
  test::expect_gradients_match(
      [](const std::vector<Tensor>& in) {
        return ops::concat_rows(
            {ops::slice_rows(in[0], 0, 3), ops::slice_rows(in[0], 1, 4), in[0]});
      },
      {random_tensor({4, 3}, 1)});
}

TEST(SliceRowsOp, Errors) {
  const auto call = [](const Tensor& x, std::int64_t begin, std::int64_t end) {
    return [=] { ops::slice_rows(x, begin, end); };
  };
  const Tensor x = Tensor::zeros({3, 2});
  test::expect_refused({
      {call({}, 0, 1), "[slice_rows] x must be a tensor, got an undefined one."},
      {call(Tensor::from<std::int64_t>({1}, {0}), 0, 1),
       "[slice_rows] x must be f32, f64 or bf16, got i64."},
      {call(Tensor::zeros({}), 0, 0), "[rows] [0, 0) does not lie in shape []."},
      {call(x, -1, 1), "[rows] [-1, 1) does not lie in shape [3, 2]."},
      {call(x, 2, 1), "[rows] [2, 1) does not lie in shape [3, 2]."},
      {call(x, 0, 4), "[rows] [0, 4) does not lie in shape [3, 2]."},
  });
}

TEST(ConcatRowsOp, HandComputed) {
  const Tensor a = Tensor::from<double>({1, 2}, {1, 2}),
               b = Tensor::from<double>({2, 2}, {3, 4, 5, 6});
  test::expect_values(ops::concat_rows({a, b, a}), {4, 2}, {1, 2, 3, 4, 5, 6, 1, 2});
}

TEST(ConcatRowsOp, Sound) {
  using Shapes = std::vector<Shape>;
  for (const Shapes& shapes : {Shapes{{1}},
                               {{2, 3}},
                               {{2, 3}, {1, 3}, {4, 3}},
                               {{0, 3}, {2, 3}},
                               {{0, 3}, {0, 3}},
                               {{2, 0}, {1, 0}},
                               {{3, 1, 5}, {2, 1, 5}}}) {
    test::OpCase op;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      op.name += to_string(shapes[i]) + " ";
      op.inputs.push_back(random_tensor(shapes[i], i));
    }
    op.f = [](const std::vector<Tensor>& in) { return ops::concat_rows(in); };
    test::expect_sound(op);
  }
}

TEST(ConcatRowsOp, Errors) {
  const auto call = [](const std::vector<Tensor>& parts) {
    return [=] { ops::concat_rows(parts); };
  };
  const Tensor x = Tensor::zeros({3, 2});
  const std::string like_first =
      "[concat_rows] every part must have the shape of the first [3, 2] but for the leading "
      "dimension, got ";
  test::expect_refused({
      {call({}), "[concat_rows] needs at least one tensor, got none."},
      {call({Tensor()}), "[concat_rows] every part must be a tensor, got an undefined one."},
      {call({x, Tensor()}), "[concat_rows] every part must be a tensor, got an undefined one."},
      {call({Tensor::from<std::int64_t>({1}, {0})}),
       "[concat_rows] every part must be f32, f64 or bf16, got i64."},
      {call({Tensor::zeros({})}),
       "[concat_rows] every part must have a leading dimension, got a scalar."},
      {call({x, x.to(DType::f64)}),
       "[concat_rows] every part must be f32 on cpu like the first, got f64 on cpu."},
      {call({x, Tensor::zeros({3, 3})}), like_first + "[3, 3]."},
      {call({x, Tensor::zeros({3})}), like_first + "[3]."},
  });
}

TEST(TakeTokenOp, HandComputed) {
  Tensor x = Tensor::from<double>({2, 3, 1}, {1, 2, 3, 4, 5, 6});
  x.set_requires_grad();
  const Tensor out = ops::take_token(x, 1);
  test::expect_values(out, {2, 1, 1}, {2, 5});
  autograd::backward(out, Tensor::from<double>({2, 1, 1}, {10, 20}));
  test::expect_values(x.grad(), {2, 3, 1}, {0, 10, 0, 0, 20, 0});
}

TEST(TakeTokenOp, Sound) {
  struct Sizes {
    Shape x;
    std::int64_t token;
  };
  for (const Sizes& sizes : {Sizes{{1, 1, 1}, 0},
                             {{3, 4, 5}, 0},
                             {{3, 4, 5}, 2},
                             {{3, 4, 5}, 3},
                             {{0, 4, 5}, 1},
                             {{2, 3, 0}, 1},
                             {{37, 2, 1}, 1}}) {
    test::OpCase op;
    op.name = fmt::format("{} token {}", to_string(sizes.x), sizes.token);
    op.inputs = {random_tensor(sizes.x, 1)};
    op.f = [=](const std::vector<Tensor>& in) { return ops::take_token(in[0], sizes.token); };
    test::expect_sound(op);
  }
}

TEST(TakeTokenOp, Errors) {
  const auto call = [](const Tensor& x, std::int64_t token) {
    return [=] { ops::take_token(x, token); };
  };
  const Tensor x = Tensor::zeros({2, 3, 4});
  test::expect_refused({
      {call({}, 0), "[take_token] x must be a tensor, got an undefined one."},
      {call(Tensor::from<std::int64_t>({1}, {0}), 0),
       "[take_token] x must be f32, f64 or bf16, got i64."},
      {call(Tensor::zeros({3, 4}), 0), "[take_token] x must be [B, T, C], got [3, 4]."},
      {call(x, 3), "[take_token] token must lie in [0, 3) (tokens of x), got 3."},
      {call(x, -1), "[take_token] token must lie in [0, 3) (tokens of x), got -1."},
  });
}

TEST(PrependTokenOp, HandComputed) {
  Tensor token = Tensor::from<double>({1, 1, 2}, {1, 2}),
         x = Tensor::from<double>({2, 1, 2}, {3, 4, 5, 6});
  token.set_requires_grad();
  x.set_requires_grad();
  const Tensor out = ops::prepend_token(token, x);
  test::expect_values(out, {2, 2, 2}, {1, 2, 3, 4, 1, 2, 5, 6});
  autograd::backward(out, Tensor::from<double>({2, 2, 2}, {1, 2, 3, 4, 10, 20, 30, 40}));
  test::expect_values(token.grad(), {1, 1, 2}, {11, 22});
  test::expect_values(x.grad(), {2, 1, 2}, {3, 4, 30, 40});
}

TEST(PrependTokenOp, Sound) {
  for (const Shape& shape : {Shape{1, 1, 1}, {3, 4, 5}, {2, 0, 3}, {9, 2, 8}}) {
    test::OpCase op;
    op.name = to_string(shape);
    op.inputs = {random_tensor({1, 1, shape[2]}, 1), random_tensor(shape, 2)};
    op.f = [](const std::vector<Tensor>& in) { return ops::prepend_token(in[0], in[1]); };
    op.terms = static_cast<double>(shape[0]);
    test::expect_sound(op);
  }
}

TEST(PrependTokenOp, Errors) {
  const auto call = [](const Tensor& token, const Tensor& x) {
    return [=] { ops::prepend_token(token, x); };
  };
  const Tensor token = Tensor::zeros({1, 1, 2});
  test::expect_refused({
      {call({}, token), "[prepend_token] token must be a tensor, got an undefined one."},
      {call(token, {}), "[prepend_token] x must be a tensor, got an undefined one."},
      {call(token, Tensor::zeros({2, 3, 2}, DType::f64)),
       "[prepend_token] token must be f64 on cpu like x, got f32 on cpu."},
      {call(token, Tensor::zeros({2, 3, 4})),
       "[prepend_token] x must be [B, T, 2] (elements of token), B at least 1, got [2, 3, 4]."},
      {call(token, Tensor::zeros({0, 3, 2})),
       "[prepend_token] x must be [B, T, 2] (elements of token), B at least 1, got [0, 3, 2]."},
  });
}

}  // namespace
}  // namespace seqpe

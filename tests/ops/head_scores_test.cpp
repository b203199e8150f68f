#include "engine/ops/head_scores.h"

#include "tests/support/op_check.h"

namespace seqpe {
namespace {

using test::random_tensor;

TEST(HeadScoresOp, HandComputed) {
  // Two heads of one channel: products of first channels, then of second channels, times 10.
  const Tensor a = Tensor::from<double>({1, 2, 2}, {1, 2, 3, 4});
  const Tensor c = Tensor::from<double>({1, 3, 2}, {5, 6, 7, 8, 9, 10});
  test::expect_values(ops::head_scores(a, c, 2, 10), {1, 2, 2, 3},
                      {50, 70, 90, 150, 210, 270, 120, 160, 200, 240, 320, 400});
  // One head of two channels.
  test::expect_values(ops::head_scores(a, c, 1, 1), {1, 1, 2, 3}, {17, 23, 29, 39, 53, 67});
}

TEST(HeadScoresOp, Sound) {
  struct Sizes {
    std::int64_t batch, m, n, heads, size;
  };
  for (const Sizes& sizes : {Sizes{1, 1, 1, 1, 1},
                             {2, 3, 5, 1, 4},
                             {2, 3, 5, 3, 2},
                             {3, 1, 7, 2, 3},
                             {1, 5, 1, 2, 9},
                             {0, 2, 3, 2, 2},
                             {2, 0, 3, 2, 2},
                             {2, 3, 0, 2, 2},
                             {2, 3, 2, 2, 0},
                             {1, 9, 67, 1, 1}}) {
    test::OpCase op;
    op.name = fmt::format("batch {}, {} x {}, {} heads of {}", sizes.batch, sizes.m, sizes.n,
                          sizes.heads, sizes.size);
    const std::int64_t width = sizes.heads * sizes.size;
    op.inputs = {random_tensor({sizes.batch, sizes.m, width}, 1),
                 random_tensor({sizes.batch, sizes.n, width}, 2)};
    op.f = [heads = sizes.heads](const std::vector<Tensor>& in) {
      return ops::head_scores(in[0], in[1], heads, -0.3);
    };
    op.terms = static_cast<double>(std::max({sizes.m, sizes.n, sizes.size}));
    test::expect_sound(op);
  }
}

TEST(HeadScoresOp, OfATensorWithItself) {
  test::expect_gradients_match(
      [](const std::vector<Tensor>& in) { return ops::head_scores(in[0], in[0], 2, 0.5); },
      {random_tensor({2, 3, 4}, 1)});
}

TEST(HeadScoresOp, Errors) {
  const auto call = [](const Tensor& a, const Tensor& c, std::int64_t heads = 2) {
    return [=] { ops::head_scores(a, c, heads, 1.0); };
  };
  const Tensor a = Tensor::zeros({2, 3, 4}), c = Tensor::zeros({2, 5, 4});
  const Tensor integers = Tensor::from<std::int64_t>({1}, {0});
  const std::string like_a = "[head_scores] c must have shape [2, N, 4] like a, got ";
  test::expect_refused({
      {call({}, c), "[head_scores] a must be a tensor, got an undefined one."},
      {call(integers, c), "[head_scores] a must be f32, f64 or bf16, got i64."},
      {call(a, {}), "[head_scores] c must be a tensor, got an undefined one."},
      {call(a, integers), "[head_scores] c must be f32, f64 or bf16, got i64."},
      {call(a, c.to(DType::f64)), "[head_scores] c must be f32 on cpu like a, got f64 on cpu."},
      {call(Tensor::zeros({3, 4}), c),
       "[head_scores] a must have shape [B, M, 2 heads * D], got [3, 4]."},
      {call(a, c, 3), "[head_scores] a must have shape [B, M, 3 heads * D], got [2, 3, 4]."},
      {call(a, c, 0), "[head_scores] a must have shape [B, M, 0 heads * D], got [2, 3, 4]."},
      {call(a, Tensor::zeros({1, 5, 4})), like_a + "[1, 5, 4]."},
      {call(a, Tensor::zeros({2, 5, 2})), like_a + "[2, 5, 2]."},
      {call(a, Tensor::zeros({2, 4})), like_a + "[2, 4]."},
  });
}

}  // namespace
}  // namespace seqpe

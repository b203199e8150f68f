#include "engine/ops/embedding.h"

#include "tests/support/op_check.h"

namespace seqpe {
namespace {

using test::random_tensor;

Tensor indices_of(const Shape& shape, std::int64_t rows) {
  std::vector<std::int64_t> values;
  for (std::int64_t i = 0; i < element_count(shape); ++i) values.push_back(i * i % rows);
  return Tensor::from(shape, values);
}

TEST(EmbeddingOp, HandComputed) {
  Tensor table = Tensor::from<double>({3, 2}, {1, 2, 3, 4, 5, 6});
  table.set_requires_grad();
  const Tensor out = ops::embedding(table, Tensor::from<std::int64_t>({2, 2}, {2, 0, 2, 2}));
  test::expect_values(out, {2, 2, 2}, {5, 6, 1, 2, 5, 6, 5, 6});
  autograd::backward(out, Tensor::from<double>({2, 2, 2}, {1, 2, 10, 20, 3, 4, 5, 6}));
  // Row 1 is used by nobody, row 2 three times.
  test::expect_values(table.grad(), {3, 2}, {10, 20, 0, 0, 9, 12});
}

TEST(EmbeddingOp, Sound) {
  struct Sizes {
    std::int64_t rows, cols;
    Shape indices;
  };
  for (const Sizes& sizes : {Sizes{1, 1, {1}},
                             {3, 5, {2, 3}},
                             {5, 3, {}},
                             {2, 67, {4}},
                             {4, 3, {0, 5}},
                             {3, 0, {2}},
                             {7, 1, {70}}}) {
    const Tensor indices = indices_of(sizes.indices, sizes.rows);
    test::OpCase op;
    op.name =
        fmt::format("table [{}, {}], indices {}", sizes.rows, sizes.cols, to_string(sizes.indices));
    op.inputs = {random_tensor({sizes.rows, sizes.cols}, 1)};
    op.f = [=](const std::vector<Tensor>& in) { return ops::embedding(in[0], indices); };
    op.terms = static_cast<double>(indices.numel());
    test::expect_sound(op);
  }
}

TEST(EmbeddingOp, Errors) {
  const Tensor table = Tensor::zeros({3, 2});
  const auto call = [](const Tensor& from, const Tensor& indices) {
    return [=] { ops::embedding(from, indices); };
  };
  const auto index = [](std::int64_t value) { return Tensor::from<std::int64_t>({2}, {0, value}); };
  test::expect_refused({
      {call({}, index(0)), "[embedding] table must be a tensor, got an undefined one."},
      {call(index(0), index(0)), "[embedding] table must be f32, f64 or bf16, got i64."},
      {call(Tensor::zeros({3}), index(0)), "[embedding] table must be a matrix, got [3]."},
      {call(table, {}), "[embedding] indices must be i64, got an undefined tensor."},
      {call(table, Tensor::zeros({2})), "[embedding] indices must be i64, got f32."},
      {call(table, index(3)),
       "[embedding] indices must lie in [0, 3) (rows of the table), got 3 at 1."},
      {call(table, index(-1)),
       "[embedding] indices must lie in [0, 3) (rows of the table), got -1 at 1."},
  });
}

}  // namespace
}  // namespace seqpe

#include "engine/ops/dropout.h"

#include "tests/reference/dropout.h"
#include "tests/support/op_check.h"

namespace seqpe {
namespace {

using test::random_tensor;

constexpr PhiloxKey kKey{.seed = 3, .stream = 8, .step = 1};

ops::DropoutDraw draw(double probability, std::uint64_t first, const PhiloxKey& key = kKey) {
  return {.probability = probability, .key = key, .first_element = first};
}

/// What the key's stream says of elements first, first + 1, ...: 0 or 1 / (1 - probability).
std::vector<double> keep_of(double probability, std::uint64_t first, std::int64_t count) {
  std::vector<double> keep;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint64_t element = first + static_cast<std::uint64_t>(i);
    keep.push_back(reference::dropout_factor(kKey, element, probability));
  }
  return keep;
}

TEST(DropoutOp, HandComputed) {
  const std::int64_t count = 135;  // more than the 128 numbers that are drawn at once
  for (const double probability : {0.0, 0.25, 0.9}) {
    for (const std::uint64_t first : {0u, 1u, 6u, 4096u}) {
      const std::vector<double> keep = keep_of(probability, first, count);
      const Tensor twos = Tensor::full({count}, 2.0, DType::f64);
      const Tensor ones = Tensor::full({count}, 1.0, DType::f64);
      std::vector<double> dropped, added;
      for (const double k : keep) {
        dropped.push_back(2 * k);
        added.push_back(1 + 2 * k);
      }
      test::expect_values(ops::dropout(twos, draw(probability, first)), {count}, dropped);
      test::expect_values(ops::residual_dropout(ones, twos, draw(probability, first)), {count},
                          added);
    }
  }
}

TEST(DropoutOp, NumberOfAnElementMayExceed32Bits) {
  const std::uint64_t first = (std::uint64_t{1} << 34) + 3;
  test::expect_values(ops::dropout(Tensor::full({9}, 1.0, DType::f64), draw(0.5, first)), {9},
                      keep_of(0.5, first, 9));
}

TEST(DropoutOp, Sound) {
  // The last is more than a thread's chunk.
  for (const Shape& shape : {Shape{1}, {0, 3}, {3, 5}, {2, 3, 11}, {1031}}) {
    test::OpCase op;
    op.name = "dropout " + to_string(shape);
    op.inputs = {random_tensor(shape, 1)};
    op.f = [](const std::vector<Tensor>& in) { return ops::dropout(in[0], draw(0.3, 5)); };
    test::expect_sound(op);
    op.name = "residual_dropout " + to_string(shape);
    op.inputs.push_back(random_tensor(shape, 2));
    op.f = [](const std::vector<Tensor>& in) {
      return ops::residual_dropout(in[0], in[1], draw(0.3, 5));
    };
    test::expect_sound(op);
  }
}

TEST(DropoutOp, ResidualOfItself) {
  test::expect_gradients_match(
      [](const std::vector<Tensor>& in) {
        return ops::residual_dropout(in[0], in[0], draw(0.4, 0));
      },
      {random_tensor({4, 3}, 1)});
}

TEST(DropoutOp, KeepRate) {
  constexpr std::int64_t kCount = 100000;
  for (const double probability : {0.1, 0.5, 0.8}) {
    const Tensor out = ops::dropout(Tensor::full({kCount}, 1.0), draw(probability, 0));
    double kept = 0, pairs = 0, before = 0;
    for (const float value : out.span<float>()) {
      const double keep = value != 0 ? 1 : 0;
      if (value != 0) {
        ASSERT_FLOAT_EQ(value, static_cast<float>(1 / (1 - probability)));
      }
      kept += keep;
      pairs += keep * before;
      before = keep;
    }
    // Five standard deviations of a binomial count; neighbours are independent, so a pair is kept
    // with probability q^2.
    const double q = 1 - probability, pair = q * q;
    EXPECT_NEAR(kept / kCount, q, 5 * std::sqrt(q * (1 - q) / kCount));
    EXPECT_NEAR(pairs / kCount, pair, 5 * std::sqrt(3 * pair * (1 - pair) / kCount));
  }
}

TEST(DropoutOp, EveryPartOfTheKeyMatters) {
  const Tensor x = Tensor::full({64}, 1.0);
  const Tensor out = ops::dropout(x, draw(0.5, 0));
  for (const PhiloxKey& other :
       {PhiloxKey{kKey.seed + 1, kKey.stream, kKey.step},
        PhiloxKey{kKey.seed + (std::uint64_t{1} << 32), kKey.stream, kKey.step},
        PhiloxKey{kKey.seed, kKey.stream + 1, kKey.step},
        PhiloxKey{kKey.seed, kKey.stream, kKey.step + 1}}) {
    EXPECT_FALSE(test::same_bits(ops::dropout(x, draw(0.5, 0, other)), out));
  }
}

TEST(DropoutOp, MicroBatchesDrawTheMaskOfTheWholeBatch) {
  constexpr std::int64_t kRows = 6, kCols = 7;
  Tensor x = random_tensor({kRows, kCols}, 1);
  const Tensor grad_out = random_tensor({kRows, kCols}, 2);
  x.set_requires_grad();
  const Tensor whole = ops::dropout(x, draw(0.4, 0));
  autograd::backward(whole, grad_out);
  for (const std::int64_t micro : {1, 2, 3}) {
    for (std::int64_t row = 0; row < kRows; row += micro) {
      Tensor part = x.rows(row, row + micro).clone();
      part.set_requires_grad();
      const Tensor out = ops::dropout(part, draw(0.4, static_cast<std::uint64_t>(row * kCols)));
      EXPECT_TRUE(test::same_bits(out, whole.rows(row, row + micro)));
      autograd::backward(out, grad_out.rows(row, row + micro));
      EXPECT_TRUE(test::same_bits(part.grad(), x.grad().rows(row, row + micro)));
    }
  }
}

TEST(DropoutOp, Errors) {
  const Tensor x = Tensor::zeros({2, 3});
  const auto drop = [](const Tensor& input, double probability) {
    return [=] { ops::dropout(input, draw(probability, 0)); };
  };
  const auto add = [](const Tensor& residual, const Tensor& input, double probability) {
    return [=] { ops::residual_dropout(residual, input, draw(probability, 0)); };
  };
  const Tensor integers = Tensor::from<std::int64_t>({1}, {0});
  test::expect_refused({
      {drop({}, 0.1), "[dropout] x must be a tensor, got an undefined one."},
      {drop(integers, 0.1), "[dropout] x must be f32, f64 or bf16, got i64."},
      {drop(x, 1.0), "[dropout] probability must lie in [0, 1), got 1."},
      {drop(x, -0.1), "[dropout] probability must lie in [0, 1), got -0.1."},
      {drop(x, std::nan("")), "[dropout] probability must lie in [0, 1), got nan."},
      {add({}, x, 0.1), "[residual_dropout] residual must be a tensor, got an undefined one."},
      {add(integers, x, 0.1), "[residual_dropout] residual must be f32, f64 or bf16, got i64."},
      {add(x, {}, 0.1), "[residual_dropout] x must be a tensor, got an undefined one."},
      {add(x, Tensor::zeros({3, 2}), 0.1),
       "[residual_dropout] x must have shape [2, 3] (shape of residual), got [3, 2]."},
      {add(x, x.to(DType::f64), 0.1),
       "[residual_dropout] x must be f32 on cpu like residual, got f64 on cpu."},
      {add(x, x, 2.0), "[dropout] probability must lie in [0, 1), got 2."},
  });
}

}  // namespace
}  // namespace seqpe

#include "engine/nn/layers.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/core/stream_id.h"
#include "engine/ops/dropout.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/embedding.h"
#include "engine/ops/layer_norm.h"
#include "engine/ops/rows.h"
#include "tests/support/expect_error.h"
#include "tests/support/modules.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::nn {
namespace {

using ops::Activation;
using ops::WeightLayout;

TEST(Linear, IsItsOpOnItsParameters) {
  for (const WeightLayout layout : {WeightLayout::in_out, WeightLayout::out_in}) {
    Linear linear({.in = 5, .out = 7, .layout = layout, .dtype = DType::f64});
    test::randomize(linear, "fc");
    const Tensor weight = linear.parameter("fc.weight"), bias = linear.parameter("fc.bias");
    EXPECT_EQ(weight.shape(), layout == WeightLayout::in_out ? (Shape{5, 7}) : (Shape{7, 5}));
    const Tensor x = test::random_tensor({2, 3, 5}, 1);
    for (const Activation activation :
         {Activation::none, Activation::gelu_tanh, Activation::gelu_erf}) {
      test::expect_same(linear.forward(x, activation),
                        ops::linear(x, weight, bias, layout, activation));
    }
  }
}

TEST(Linear, ColumnsArePartOfTheWhole) {
  const Tensor x = test::random_tensor({3, 5}, 1);
  for (const WeightLayout layout : {WeightLayout::in_out, WeightLayout::out_in}) {
    Linear linear({.in = 5, .out = 7, .layout = layout, .dtype = DType::f64});
    test::randomize(linear);
    const Tensor whole = linear.forward(x), part = linear.forward_columns(x, 2, 4);
    ASSERT_EQ(part.shape(), (Shape{3, 4}));
    for (std::int64_t row = 0; row < 3; ++row) {
      for (std::int64_t column = 0; column < 4; ++column) {
        EXPECT_NEAR(part.data_as<double>()[row * 4 + column],
                    whole.data_as<double>()[row * 7 + column + 2], 1e-14);
      }
    }
  }
}

TEST(LayerNorm, StartsAsThePlainOne) {
  LayerNorm norm(6, 1e-3, DType::f64);
  norm.set_name("ln");
  norm.initialize(1);
  const Tensor x = test::random_tensor({4, 6}, 1);
  test::expect_same(norm.forward(x), ops::layer_norm(x, Tensor::full({6}, 1, DType::f64),
                                                     Tensor::zeros({6}, DType::f64), 1e-3));
  test::randomize(norm, "ln");
  test::expect_same(norm.forward(x), ops::layer_norm(x, norm.parameter("ln.weight"),
                                                     norm.parameter("ln.bias"), 1e-3));
}

TEST(Embedding, IsItsTablesRows) {
  Embedding embedding(4, 3, 0.02, DType::f64);
  test::randomize(embedding);
  const Tensor indices = Tensor::from<std::int64_t>({2, 2}, {3, 0, 1, 3});
  test::expect_same(embedding.forward(indices), ops::embedding(embedding.weight(), indices));
  EXPECT_EQ(embedding.weight().data(), embedding.parameter("weight").data());
}

class DropoutTest : public testing::Test {
 protected:
  DropoutTest() { dropout_.set_name("h.0.drop"); }
  Tensor forward(const Pass& pass) const { return dropout_.forward(x_, pass); }

  Dropout dropout_{0.4};
  Pass training_{.training = true, .seed = 3, .step = 5};
  Tensor x_ = test::random_tensor({8, 5, 3}, 1), residual_ = test::random_tensor({8, 5, 3}, 2);
};

TEST_F(DropoutTest, DoesNothingOutsideTraining) {
  EXPECT_EQ(forward({}).data(), x_.data());
  EXPECT_EQ(Dropout(0.0).forward(x_, training_).data(), x_.data());
  test::expect_same(dropout_.add_to(residual_, x_, {}), ops::add(residual_, x_));
}

TEST_F(DropoutTest, IsTheOpWithTheModulesStream) {
  const ops::DropoutDraw draw{.probability = 0.4,
                              .key = {.seed = 3, .stream = stream_id("h.0.drop"), .step = 5}};
  test::expect_same(forward(training_), ops::dropout(x_, draw));
  test::expect_same(dropout_.add_to(residual_, x_, training_),
                    ops::residual_dropout(residual_, x_, draw));
}

TEST_F(DropoutTest, TheStepMayLieInMemory) {
  const std::int32_t step = 5;
  const Pass pass{.training = true, .seed = 3, .step = 9, .step_at = &step};
  test::expect_same(forward(pass), forward(training_));
  test::expect_same(dropout_.add_to(residual_, x_, pass),
                    dropout_.add_to(residual_, x_, training_));
}

TEST_F(DropoutTest, AddingEqualsDroppingThenAdding) {
  test::expect_close(dropout_.add_to(residual_, x_, training_),
                     ops::add(residual_, forward(training_)));
}

TEST_F(DropoutTest, NameSeedAndStepChangeTheMask) {
  const auto before = test::elements<double>(forward(training_));
  const auto changed = [&](const Pass& pass) {
    return test::elements<double>(forward(pass)) != before;
  };
  EXPECT_FALSE(changed(training_));
  EXPECT_TRUE(changed({.training = true, .seed = 4, .step = 5}));
  EXPECT_TRUE(changed({.training = true, .seed = 3, .step = 6}));
  EXPECT_TRUE(changed({.training = true, .seed = 3, .step = 5, .first_row = 1}));
  dropout_.set_name("h.1.drop");
  EXPECT_TRUE(changed(training_));
}

TEST_F(DropoutTest, MicroBatchesDrawTheMasksOfTheWholeBatch) {
  const Tensor whole = forward(training_), added = dropout_.add_to(residual_, x_, training_);
  for (const std::int64_t size : {1, 2, 3, 8}) {
    for (std::int64_t begin = 0; begin < 8; begin += size) {
      const std::int64_t end = std::min<std::int64_t>(8, begin + size);
      Pass pass = training_;
      pass.first_row = begin;
      test::expect_same(dropout_.forward(x_.rows(begin, end), pass), whole.rows(begin, end));
      test::expect_same(dropout_.add_to(residual_.rows(begin, end), x_.rows(begin, end), pass),
                        added.rows(begin, end));
    }
  }
}

TEST_F(DropoutTest, TokensOnTheirOwnDrawTheMasksOfTheWholeSequence) {
  const Tensor whole = forward(training_), added = dropout_.add_to(residual_, x_, training_);
  for (std::int64_t token = 0; token < 5; ++token) {
    for (std::int64_t begin = 0; begin < 8; begin += 4) {
      Pass pass = training_;
      pass.first_row = begin;
      pass.first_token = token;
      pass.tokens = 5;
      const auto part = [&](const Tensor& tensor) {
        return ops::take_token(tensor.rows(begin, begin + 4), token);
      };
      test::expect_same(dropout_.forward(part(x_), pass), part(whole));
      test::expect_same(dropout_.add_to(part(residual_), part(x_), pass), part(added));
    }
  }
  Pass pass = training_;
  pass.tokens = 10;
  EXPECT_NE(test::elements<double>(forward(pass)), test::elements<double>(whole))
      << "the first half of sequences of 10";
}

TEST_F(DropoutTest, OfSequencesKeepsOrDropsAWholeOne) {
  Dropout path(0.4, Dropout::Unit::sequence);
  path.set_name("h.0.drop");
  const Tensor x = test::random_tensor({64, 5, 3}, 1), out = path.forward(x, training_);
  std::int64_t dropped = 0;
  for (std::int64_t b = 0; b < 64; ++b) {
    const bool kept = out.data_as<double>()[b * 15] != 0.0;
    dropped += !kept;
    test::expect_close(out.rows(b, b + 1), ops::scale(x.rows(b, b + 1), kept ? 1 / 0.6 : 0.0));
    // On its own, and of its tokens alone.
    Pass pass = training_;
    pass.first_row = b;
    test::expect_same(path.forward(x.rows(b, b + 1), pass), out.rows(b, b + 1));
    pass.first_token = 2;
    pass.tokens = 5;
    test::expect_same(path.forward(ops::take_token(x.rows(b, b + 1), 2), pass),
                      ops::take_token(out.rows(b, b + 1), 2));
  }
  EXPECT_NEAR(static_cast<double>(dropped), 0.4 * 64, 4 * std::sqrt(64 * 0.4 * 0.6));
}

TEST_F(DropoutTest, NoRows) {
  EXPECT_EQ(dropout_.forward(x_.rows(0, 0), training_).shape(), (Shape{0, 5, 3}));
}

}  // namespace
}  // namespace seqpe::nn

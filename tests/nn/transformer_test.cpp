#include "engine/nn/transformer.h"

#include <gtest/gtest.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/rows.h"
#include "tests/support/gradient_check.h"
#include "tests/support/modules.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::nn {
namespace {

using ops::Activation;
using ops::WeightLayout;

constexpr std::int64_t kBatch = 4, kTokens = 5, kWidth = 6;
constexpr Pass kTraining{.training = true, .seed = 3, .step = 5};

Tensor input(std::uint64_t seed) {
  return test::random_tensor({kBatch, kTokens, kWidth}, seed);
}

/// x W + b with the parameters of that name.
Tensor linear(const Module& module, const std::string& name, const Tensor& x,
              Activation activation = Activation::none) {
  return ops::linear(x, module.parameter(name + ".weight"), module.parameter(name + ".bias"),
                     WeightLayout::in_out, activation);
}

/// Rows [begin, end) of `whole` must come out when they are computed on their own.
template <typename F>
void expect_rows_on_their_own(const Tensor& whole, const F& forward) {
  for (const std::int64_t size : {1, 2}) {
    for (std::int64_t begin = 0; begin < kBatch; begin += size) {
      Pass pass = kTraining;
      pass.first_row = begin;
      test::expect_close(forward(begin, begin + size, pass), whole.rows(begin, begin + size));
    }
  }
}

class MlpTest : public testing::Test {
 protected:
  MlpTest() { test::randomize(mlp_, "mlp"); }

  Mlp mlp_{{.width = kWidth, .hidden = 9, .dropout = 0.3, .dtype = DType::f64}};
  Tensor x_ = input(1), residual_ = input(2);
};

TEST_F(MlpTest, IsTwoLinearLayersWithAGelu) {
  EXPECT_EQ(test::names_of(mlp_),
            (std::vector<std::string>{"mlp.c_fc.weight", "mlp.c_fc.bias", "mlp.c_proj.weight",
                                      "mlp.c_proj.bias"}));
  const Tensor inner = linear(mlp_, "mlp.c_fc", x_, Activation::gelu_tanh);
  test::expect_close(mlp_.add_to(residual_, x_, {}),
                     ops::add(residual_, linear(mlp_, "mlp.c_proj", inner)));
  Mlp exact(
      {.width = kWidth, .hidden = 9, .activation = Activation::gelu_erf, .dtype = DType::f64});
  test::randomize(exact, "mlp");
  test::expect_close(
      exact.add_to(residual_, x_, {}),
      ops::add(residual_,
               linear(exact, "mlp.c_proj", linear(exact, "mlp.c_fc", x_, Activation::gelu_erf))));
}

TEST_F(MlpTest, DropsBehindTheSecondLayer) {
  Dropout dropout(0.3);
  dropout.set_name("mlp.dropout");
  const Tensor inner = linear(mlp_, "mlp.c_fc", x_, Activation::gelu_tanh);
  const Tensor whole = mlp_.add_to(residual_, x_, kTraining);
  test::expect_close(
      whole, ops::add(residual_, dropout.forward(linear(mlp_, "mlp.c_proj", inner), kTraining)));
  expect_rows_on_their_own(whole, [&](std::int64_t begin, std::int64_t end, const Pass& pass) {
    return mlp_.add_to(residual_.rows(begin, end), x_.rows(begin, end), pass);
  });
}

TEST_F(MlpTest, OutputProjectionHasAnInitialSizeOfItsOwn) {
  Mlp mlp({.width = 40, .hidden = 160, .init_std = 0.5, .output_init_std = 0.1});
  mlp.set_name("mlp");
  mlp.initialize(1);
  const auto deviation = [&](const char* name) {
    double squares = 0;
    const auto values = mlp.parameter(name).span<float>();
    for (const float value : values) squares += value * value;
    return std::sqrt(squares / static_cast<double>(values.size()));
  };
  EXPECT_NEAR(deviation("mlp.c_fc.weight"), 0.5, 0.03);
  EXPECT_NEAR(deviation("mlp.c_proj.weight"), 0.1, 0.006);
  EXPECT_EQ(deviation("mlp.c_proj.bias"), 0.0);
}

class SelfAttentionTest : public testing::Test {
 protected:
  static SelfAttention::Options options(bool causal) {
    return {.width = kWidth,
            .heads = 2,
            .causal = causal,
            .residual_dropout = 0.3,
            .attention_dropout = 0.2,
            .dtype = DType::f64};
  }
  SelfAttentionTest() { test::randomize(attention_, "attn"); }
  Tensor projected(const Tensor& attended) {
    return ops::add(residual_, linear(attention_, "attn.c_proj", attended));
  }

  SelfAttention attention_{options(true)};
  Tensor x_ = input(1), residual_ = input(2);
};

TEST_F(SelfAttentionTest, IsProjectionAttentionProjection) {
  EXPECT_EQ(test::names_of(attention_),
            (std::vector<std::string>{"attn.c_attn.weight", "attn.c_attn.bias",
                                      "attn.c_proj.weight", "attn.c_proj.bias"}));
  for (const bool causal : {true, false}) {
    SelfAttention attention(options(causal));
    test::randomize(attention, "attn");
    const Tensor qkv = linear(attention, "attn.c_attn", x_);
    test::expect_close(attention.add_to(residual_, x_, {}, {}),
                       projected(ops::attention(qkv, {.heads = 2, .causal = causal})));
  }
}

TEST_F(SelfAttentionTest, ExtrasReachTheAttention) {
  const Tensor qkv = attention_.qkv(x_);
  const Tensor mask = Tensor::zeros({kBatch, kTokens}, DType::u8);
  for (std::int64_t i = 0; i < mask.numel(); ++i)
    static_cast<std::uint8_t*>(mask.data())[i] = i % kTokens != 1;
  const ops::PositionPair position{.pe = test::random_tensor({1, kTokens, 2 * kWidth}, 3)};
  test::expect_close(
      attention_.add_to(residual_, x_, {},
                        {.key_mask = mask, .position = position, .pe_scale = 0.7}),
      projected(ops::attention(qkv, {.heads = 2, .causal = true, .pe_scale = 0.7, .key_mask = mask},
                               position)));
  test::expect_close(
      attention_.add_to(residual_, x_, {},
                        {.transform = [](const Tensor& t) { return ops::scale(t, 0.5); }}),
      projected(ops::attention(ops::scale(qkv, 0.5), {.heads = 2, .causal = true})));
}

TEST_F(SelfAttentionTest, PartsAreThoseOfTheWhole) {
  const Tensor qkv = attention_.qkv(x_), q = attention_.queries(x_),
               kv = attention_.keys_values(x_);
  ASSERT_EQ(q.dim(-1), kWidth);
  ASSERT_EQ(kv.dim(-1), 2 * kWidth);
  for (std::int64_t row = 0; row < kBatch * kTokens; ++row) {
    for (std::int64_t c = 0; c < 3 * kWidth; ++c) {
      const double part = c < kWidth ? q.data_as<double>()[row * kWidth + c]
                                     : kv.data_as<double>()[row * 2 * kWidth + c - kWidth];
      EXPECT_NEAR(part, qkv.data_as<double>()[row * 3 * kWidth + c], 1e-14);
    }
  }
  test::expect_same(
      attention_.add_to(residual_, x_, kTraining, {}),
      attention_.residual_dropout().add_to(
          residual_,
          attention_.project(ops::attention(qkv, attention_.attention_options(kTraining, {}))),
          kTraining));
}

TEST_F(SelfAttentionTest, DropoutIsOffOutsideTrainingAndHasItsOwnStreams) {
  EXPECT_EQ(attention_.attention_options({}, {}).dropout, 0.0);
  const ops::AttentionOptions on = attention_.attention_options(kTraining, {});
  EXPECT_EQ(on.dropout, 0.2);
  Dropout weights(0.2), residual(0.3);
  weights.set_name("attn.attn_dropout");
  residual.set_name("attn.resid_dropout");
  EXPECT_EQ(on.dropout_key.stream, weights.key(kTraining).stream);
  const Tensor attended = ops::attention(attention_.qkv(x_), on);
  test::expect_close(
      attention_.add_to(residual_, x_, kTraining, {}),
      ops::add(residual_,
               residual.forward(linear(attention_, "attn.c_proj", attended), kTraining)));
}

TEST_F(SelfAttentionTest, TheStepOfDropoutMayLieInMemory) {
  const auto step = static_cast<std::int32_t>(kTraining.step);
  Pass pass = kTraining;
  pass.step = 99;
  pass.step_at = &step;
  test::expect_same(attention_.add_to(residual_, x_, pass, {}),
                    attention_.add_to(residual_, x_, kTraining, {}));
}

TEST_F(SelfAttentionTest, MicroBatchesDrawTheMasksOfTheWholeBatch) {
  expect_rows_on_their_own(attention_.add_to(residual_, x_, kTraining, {}),
                           [&](std::int64_t begin, std::int64_t end, const Pass& pass) {
                             return attention_.add_to(residual_.rows(begin, end),
                                                      x_.rows(begin, end), pass, {});
                           });
}

TEST_F(SelfAttentionTest, QueriesOnTheirOwnDrawTheMasksOfTheWholeSequence) {
  SelfAttention attention(options(false));
  test::randomize(attention, "attn");
  const Tensor whole = attention.add_to(residual_, x_, kTraining, {});
  for (std::int64_t token = 0; token < kTokens; ++token) {
    Pass pass = kTraining;
    pass.first_token = token;
    pass.tokens = kTokens;
    const Tensor attended =
        ops::attention(attention.queries(ops::take_token(x_, token)), attention.keys_values(x_),
                       attention.attention_options(pass, {}));
    test::expect_close(attention.residual_dropout().add_to(ops::take_token(residual_, token),
                                                           attention.project(attended), pass),
                       ops::take_token(whole, token));
  }
}

TEST_F(SelfAttentionTest, OneTokenIsThatOfTheWholeSequence) {
  SelfAttention attention(options(false));
  test::randomize(attention, "attn");
  const ops::PositionPair position{.pe = test::random_tensor({1, kTokens, 2 * kWidth}, 3)};
  const std::function<Tensor(const Tensor&)> halve = [](const Tensor& t) {
    return ops::scale(t, 0.5);
  };
  for (const SelfAttention::Extra& extra :
       {SelfAttention::Extra{}, {.position = position, .pe_scale = 0.7}, {.transform = halve}}) {
    for (const Pass& pass : {Pass{}, kTraining}) {
      const Tensor whole = attention.attend(x_, pass, extra);
      for (std::int64_t token = 0; token < kTokens; ++token) {
        test::expect_close(attention.attend_token(x_, token, pass, extra),
                           ops::take_token(whole, token));
      }
    }
  }
}

TEST_F(SelfAttentionTest, BlockGradients) {
  // x + attention(norm x), then + mlp(norm x), as every block here, with dropout on.
  LayerNorm norm_1(kWidth, 1e-5, DType::f64), norm_2(kWidth, 1e-5, DType::f64);
  Mlp mlp({.width = kWidth, .hidden = 7, .dropout = 0.2, .dtype = DType::f64});
  test::randomize(norm_1, "ln_1");
  test::randomize(norm_2, "ln_2");
  test::randomize(mlp, "mlp");
  std::vector<Tensor> inputs{input(1).rows(0, 2)};
  for (const Module* module :
       std::initializer_list<const Module*>{&norm_1, &attention_, &norm_2, &mlp}) {
    for (const Parameter& parameter : module->parameters()) inputs.push_back(parameter.value);
  }
  test::expect_gradients_match(
      [&](const std::vector<Tensor>& in) {
        const Tensor x = attention_.add_to(in[0], norm_1.forward(in[0]), kTraining, {});
        return mlp.add_to(x, norm_2.forward(x), kTraining);
      },
      inputs, 1e-6);
}

}  // namespace
}  // namespace seqpe::nn

#include "engine/nn/transformer_block.h"

#include <gtest/gtest.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/rows.h"
#include "tests/support/gradient_check.h"
#include "tests/support/modules.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::nn {
namespace {

constexpr std::int64_t kBatch = 6, kTokens = 5, kWidth = 6;
constexpr Pass kTraining{.training = true, .seed = 3, .step = 5};

class TransformerBlockTest : public testing::Test {
 protected:
  static TransformerBlock::Options options() {
    return {.width = kWidth,
            .heads = 2,
            .causal = false,
            .residual_dropout = 0.3,
            .attention_dropout = 0.2,
            .drop_path = 0.4,
            .dtype = DType::f64};
  }
  TransformerBlockTest() {
    test::randomize(block_, "h.0");
    test::randomize(next_, "h.1.ln_1");
  }
  static Tensor input(std::uint64_t seed) {
    return test::random_tensor({kBatch, kTokens, kWidth}, seed);
  }
  ops::ResidualLayerNorm stream(const Tensor& x, const TransformerBlock& block) const {
    return {x, block.norm_1().forward(x)};
  }
  ops::ResidualLayerNorm forward(const Tensor& x, const Pass& pass) const {
    return block_.forward(stream(x, block_), next_, pass, {});
  }

  TransformerBlock block_{options()};
  LayerNorm next_{kWidth, 1e-5, DType::f64};
  Tensor x_ = input(1);
};

TEST_F(TransformerBlockTest, AddsAttentionThenTheMlp) {
  const Tensor behind_attention =
      block_.attention().add_to(x_, block_.norm_1().forward(x_), {}, {});
  const Tensor sum =
      block_.mlp().add_to(behind_attention, block_.norm_2().forward(behind_attention), {});
  const ops::ResidualLayerNorm out = forward(x_, {});
  test::expect_close(out.sum, sum);
  test::expect_close(out.norm, next_.forward(sum));
}

TEST_F(TransformerBlockTest, DropsElementsThenWholeBranches) {
  Dropout attention_path(0.4, Dropout::Unit::sequence), mlp_path(0.4, Dropout::Unit::sequence);
  attention_path.set_name("h.0.attn_path");
  mlp_path.set_name("h.0.mlp_path");
  const Tensor attended = block_.attention().residual_dropout().forward(
      block_.attention().branch(block_.norm_1().forward(x_), kTraining, {}), kTraining);
  const Tensor middle = attention_path.add_to(x_, attended, kTraining);
  const Tensor added = block_.mlp().residual_dropout().forward(
      block_.mlp().branch(block_.norm_2().forward(middle)), kTraining);
  test::expect_close(forward(x_, kTraining).sum, mlp_path.add_to(middle, added, kTraining));
}

TEST_F(TransformerBlockTest, SequencesOnTheirOwnDrawTheMasksOfTheWholeBatch) {
  const Tensor whole = forward(x_, kTraining).norm;
  for (const std::int64_t size : {1, 3}) {
    for (std::int64_t begin = 0; begin < kBatch; begin += size) {
      Pass pass = kTraining;
      pass.first_row = begin;
      test::expect_close(forward(x_.rows(begin, begin + size), pass).norm,
                         whole.rows(begin, begin + size));
    }
  }
}

TEST_F(TransformerBlockTest, OneTokenIsThatOfTheWholeSequence) {
  for (const Pass& pass : {Pass{}, kTraining}) {
    const ops::ResidualLayerNorm whole = forward(x_, pass);
    for (std::int64_t token = 0; token < kTokens; ++token) {
      const ops::ResidualLayerNorm one =
          block_.forward_token(stream(x_, block_), token, next_, pass, {});
      test::expect_close(one.sum, ops::take_token(whole.sum, token));
      test::expect_close(one.norm, ops::take_token(whole.norm, token));
    }
  }
}

TEST_F(TransformerBlockTest, Gradients) {
  std::vector<Tensor> inputs{x_.rows(0, 2)};
  for (const Parameter& parameter : block_.parameters()) inputs.push_back(parameter.value);
  for (const Parameter& parameter : next_.parameters()) inputs.push_back(parameter.value);
  const auto of = [&](const auto& last) {
    test::expect_gradients_match(
        [&](const std::vector<Tensor>& in) { return last(stream(in[0], block_)).norm; }, inputs,
        1e-6);
  };
  of([&](const ops::ResidualLayerNorm& in) { return block_.forward(in, next_, kTraining, {}); });
  of([&](const ops::ResidualLayerNorm& in) {
    return block_.forward_token(in, 1, next_, kTraining, {});
  });
}

TEST_F(TransformerBlockTest, NamesAndLayoutsOfGpt2AndTimm) {
  EXPECT_EQ(test::names_of(block_),
            (std::vector<std::string>{"h.0.ln_1.weight", "h.0.ln_1.bias", "h.0.attn.c_attn.weight",
                                      "h.0.attn.c_attn.bias", "h.0.attn.c_proj.weight",
                                      "h.0.attn.c_proj.bias", "h.0.ln_2.weight", "h.0.ln_2.bias",
                                      "h.0.mlp.c_fc.weight", "h.0.mlp.c_fc.bias",
                                      "h.0.mlp.c_proj.weight", "h.0.mlp.c_proj.bias"}));
  TransformerBlock::Options as_timm = options();
  as_timm.names = kTimmNames;
  as_timm.norm_1 = "norm1";
  as_timm.norm_2 = "norm2";
  TransformerBlock timm(as_timm);
  test::randomize(timm, "blocks.0");
  EXPECT_EQ(test::names_of(timm),
            (std::vector<std::string>{
                "blocks.0.norm1.weight", "blocks.0.norm1.bias", "blocks.0.attn.qkv.weight",
                "blocks.0.attn.qkv.bias", "blocks.0.attn.proj.weight", "blocks.0.attn.proj.bias",
                "blocks.0.norm2.weight", "blocks.0.norm2.bias", "blocks.0.mlp.fc1.weight",
                "blocks.0.mlp.fc1.bias", "blocks.0.mlp.fc2.weight", "blocks.0.mlp.fc2.bias"}));
  // The same weights, transposed, compute the same.
  const auto theirs = timm.parameters(), ours = block_.parameters();
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const Tensor from = ours[i].value, to = theirs[i].value;
    ASSERT_EQ(from.numel(), to.numel()) << ours[i].name;
    if (from.rank() == 1) {
      to.copy_from(from.detach());
      continue;
    }
    ASSERT_EQ(to.shape(), (Shape{from.dim(1), from.dim(0)})) << ours[i].name;
    for (std::int64_t row = 0; row < from.dim(0); ++row) {
      for (std::int64_t column = 0; column < from.dim(1); ++column)
        to.data_as<double>()[column * from.dim(0) + row] =
            from.data_as<double>()[row * from.dim(1) + column];
    }
  }
  test::expect_close(timm.forward(stream(x_, timm), next_, {}, {}).norm, forward(x_, {}).norm);
}

}  // namespace
}  // namespace seqpe::nn

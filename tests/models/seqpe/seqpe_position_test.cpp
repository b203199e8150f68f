#include "models/seqpe/seqpe_position.h"

#include <gtest/gtest.h>

#include <memory>

#include "engine/autograd/node.h"
#include "engine/ops/position.h"
#include "tests/support/expect_error.h"
#include "tests/support/modules.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::models {
namespace {

constexpr std::int64_t kLayers = 2, kWidth = 6, kHeads = 2, kTokens = 3;

SeqpeOptions options_of(Apply apply, QkProjection projection, bool multi_head) {
  SeqpeOptions options;
  options.apply = apply;
  options.qk_projection = projection;
  options.multi_head = multi_head;
  options.scalar_scale = 0.5;
  options.base = 3;
  options.max_position = 81;
  options.encoder.width = 4;
  options.encoder.heads = 1;
  options.encoder.layers = 1;
  options.encoder.dropout = {0.0, 0.0};
  return options;
}

std::unique_ptr<SeqpePosition> make_position(const SeqpeOptions& options) {
  auto position = std::make_unique<SeqpePosition>(
      options, SeqpePosition::Model{
                   .layers = kLayers, .width = kWidth, .heads = kHeads, .dtype = DType::f64});
  test::randomize(*position, "transformer");
  test::randomize(position->encoder(), "encoder");
  return position;
}

/// What a layer's attention gets.
nn::SelfAttention::Extra extra_of(const SeqpePosition& position, std::int64_t layer,
                                  const Tensor& pe) {
  nn::SelfAttention::Extra extra;
  position.at_attention(layer, position.prepare(pe, pe.dtype()), {}, extra);
  return extra;
}

TEST(SeqpeOutDim, IsTheModelsWidthOrOneHeads) {
  const auto out_dim = [](Apply apply, bool multi_head) {
    return seqpe_out_dim(options_of(apply, QkProjection::single, multi_head), 12, 3);
  };
  EXPECT_EQ(out_dim(Apply::input_add, true), 12);
  EXPECT_EQ(out_dim(Apply::input_add, false), 12);
  for (const Apply apply : {Apply::attn_add, Apply::attn_mul, Apply::attn_scalar}) {
    EXPECT_EQ(out_dim(apply, true), 12);
    EXPECT_EQ(out_dim(apply, false), 4);
  }
}

TEST(SeqpePosition, ProjectionsBelongToTheModelTheEncoderDoesNot) {
  using Names = std::vector<std::string>;
  const auto names = [](Apply apply, QkProjection projection) {
    return test::names_of(*make_position(options_of(apply, projection, true)));
  };
  EXPECT_EQ(names(Apply::attn_scalar, QkProjection::single),
            (Names{"transformer.pe_qk.weight", "transformer.pe_qk.bias"}));
  EXPECT_EQ(names(Apply::attn_mul, QkProjection::per_layer),
            (Names{"transformer.h.0.attn.pe_qk.weight", "transformer.h.0.attn.pe_qk.bias",
                   "transformer.h.1.attn.pe_qk.weight", "transformer.h.1.attn.pe_qk.bias"}));
  EXPECT_EQ(names(Apply::attn_add, QkProjection::none), Names{});
  EXPECT_EQ(names(Apply::input_add, QkProjection::single), Names{}) << "nothing to project for";
  for (const bool multi_head : {true, false}) {
    const auto position =
        make_position(options_of(Apply::attn_add, QkProjection::single, multi_head));
    const std::int64_t dim = multi_head ? kWidth : kWidth / kHeads;
    EXPECT_EQ(position->parameter("transformer.pe_qk.weight").shape(), (Shape{2 * dim, dim}));
  }
}

TEST(SeqpePosition, DigitsAreAsManyAsTrainingNeedsUnlessGiven) {
  SeqpeOptions options = options_of(Apply::input_add, QkProjection::none, true);
  EXPECT_EQ(make_position(options)->options().max_digits, 4) << "80 is 2222 in base 3";
  options.max_digits = 6;
  EXPECT_EQ(make_position(options)->options().max_digits, 6);
}

TEST(SeqpePosition, EmbedsRunsOfPositions) {
  const auto position = make_position(options_of(Apply::attn_add, QkProjection::single, false));
  const Tensor pe = position->embed(line(kTokens, {7, 0}), {});
  ASSERT_EQ(pe.shape(), (Shape{2, kTokens, kWidth / kHeads}));
  test::expect_same(pe.view({6, 3}), position->encoder().forward({7, 8, 9, 0, 1, 2}, {}));
  EXPECT_NO_THROW(position->embed(line(kTokens, {78}), {})) << "80 has four digits";
  test::expect_error<ConfigError>(
      [&] { position->embed(line(kTokens, {79}), {}); },
      "[seqpe] position 81 needs 5 digits in base 3, seqpe.max_digits is 4. Hint: train with a "
      "larger seqpe.max_digits or evaluate at shorter lengths.");
}

// Without gradients positions are encoded part by part.
TEST(SeqpePositionEmbed, EvaluationGivesWhatTrainingSees) {
  SeqpeOptions options = options_of(Apply::attn_scalar, QkProjection::single, true);
  options.max_digits = 8;
  const auto position = make_position(options);
  const Tensor whole = position->embed(line(1500, {0, 2000}), {});
  const autograd::NoGradGuard no_grad;
  test::expect_close(position->embed(line(1500, {0, 2000}), {}), whole, 1e-14);
}

TEST(SeqpePosition, InputAddActsAtTheInputOnly) {
  const auto position = make_position(options_of(Apply::input_add, QkProjection::single, true));
  const Tensor pe = position->embed(line(kTokens, {7, 0}), {});
  const Tensor x = Tensor::zeros({3, kTokens, kWidth}, DType::f64);
  const Tensor added = position->at_input(x, position->prepare(pe, pe.dtype()), {.first_row = 1});
  for (std::int64_t b = 0; b < 3; ++b) {
    const std::int64_t block = (b + 1) % 2;
    test::expect_same(added.rows(b, b + 1), pe.rows(block, block + 1));
  }
  const auto extra = extra_of(*position, 0, pe);
  EXPECT_FALSE(extra.position.pe.defined());
  EXPECT_FALSE(static_cast<bool>(extra.transform));
}

TEST(SeqpePosition, NoneSplitHalvesAnEmbedding) {
  const auto position =
      make_position(options_of(Apply::attn_scalar, QkProjection::none_split, true));
  EXPECT_TRUE(test::names_of(*position).empty());
  const Tensor pe = position->embed(line(kTokens), {});
  const auto extra = extra_of(*position, 0, pe);
  EXPECT_TRUE(extra.position.split);
  EXPECT_EQ(extra.position.slice(kHeads), kWidth / kHeads / 2);
  test::expect_same(extra.position.pe, pe);
  test::expect_error<ConfigError>(
      [] { make_position(options_of(Apply::attn_add, QkProjection::none_split, true)); },
      "[seqpe] seqpe.qk_projection none_split must go with seqpe.apply attn_scalar and an even "
      "width of an embedding, got width 6.");
}

TEST(SeqpePosition, OfAnImage) {
  SeqpeOptions options = options_of(Apply::attn_mul, QkProjection::per_layer, true);
  SeqpePosition::Model model{.layers = kLayers,
                             .width = kWidth,
                             .heads = kHeads,
                             .class_token = true,
                             .blocks = "blocks",
                             .dtype = DType::f64};
  for (const std::int64_t dimensions : {1, 2}) {
    options.dimensions = dimensions;
    SeqpePosition position(options, model);
    test::randomize(position);
    test::randomize(position.encoder(), "encoder");
    EXPECT_EQ(test::names_of(position),
              (std::vector<std::string>{"cls_token_pos_embed", "blocks.0.attn.pe_qk.weight",
                                        "blocks.0.attn.pe_qk.bias", "blocks.1.attn.pe_qk.weight",
                                        "blocks.1.attn.pe_qk.bias"}));
    const Tensor pe = position.embed(at_origin({2, 2}), {});
    const std::vector<std::int64_t> positions =
        dimensions == 1 ? std::vector<std::int64_t>{0, 1, 2, 3}
                        : std::vector<std::int64_t>{0, 0, 0, 1, 1, 0, 1, 1};
    test::expect_same(pe.view({4, kWidth}), position.encoder().forward(positions, {}));
    // The class token's own embedding stands before the patches'.
    const Tensor all = position.prepare(pe, DType::f64).pe.view({5, kWidth});
    test::expect_same(all.rows(0, 1).view({1, 1, kWidth}),
                      position.parameter("cls_token_pos_embed"));
    test::expect_same(all.rows(1, 5), pe.view({4, kWidth}));
  }
  options.dimensions = 2;
  SeqpePosition position(options, model);
  test::expect_error([&] { position.embed(at_origin({4}), {}); },
                     "[seqpe] positions must have the 2 of seqpe.dimensions, got 1 dimensions.");
}

struct ActCase {
  QkProjection projection;
  bool multi_head;
};

std::ostream& operator<<(std::ostream& out, const ActCase& test_case) {
  const char* const projections[] = {"none", "none_split", "single", "per_layer"};
  return out << projections[static_cast<int>(test_case.projection)]
             << (test_case.multi_head ? "_multi_head" : "_shared");
}

class SeqpePositionActs : public testing::TestWithParam<ActCase> {
 protected:
  std::unique_ptr<SeqpePosition> position(Apply apply) const {
    return make_position(options_of(apply, GetParam().projection, GetParam().multi_head));
  }
  /// The pair that a layer should use.
  ops::PositionPair expected(const SeqpePosition& position, std::int64_t layer,
                             const Tensor& pe) const {
    const bool shared = !GetParam().multi_head;
    if (GetParam().projection == QkProjection::none)
      return {.pe = pe, .split = false, .shared_by_heads = shared};
    const std::string name = GetParam().projection == QkProjection::single
                                 ? "transformer.pe_qk."
                                 : fmt::format("transformer.h.{}.attn.pe_qk.", layer);
    return {.pe = ops::linear(pe, position.parameter(name + "weight"),
                              position.parameter(name + "bias"), ops::WeightLayout::out_in),
            .shared_by_heads = shared};
  }
};

TEST_P(SeqpePositionActs, OnTheLogits) {
  const auto scalar = position(Apply::attn_scalar);
  const Tensor pe = scalar->embed(line(kTokens), {});
  for (std::int64_t layer = 0; layer < kLayers; ++layer) {
    const auto extra = extra_of(*scalar, layer, pe);
    const auto pair = expected(*scalar, layer, pe);
    test::expect_same(extra.position.pe, pair.pe);
    EXPECT_EQ(extra.position.split, pair.split);
    EXPECT_EQ(extra.position.shared_by_heads, pair.shared_by_heads);
    EXPECT_EQ(extra.pe_scale, 0.5);
    EXPECT_FALSE(static_cast<bool>(extra.transform));
  }
}

TEST_P(SeqpePositionActs, OnQueriesAndKeys) {
  for (const Apply apply : {Apply::attn_add, Apply::attn_mul}) {
    const auto acting = position(apply);
    const Tensor pe = acting->embed(line(kTokens, {4}), {});
    const Tensor qkv = test::random_tensor({2, kTokens, 3 * kWidth}, 1);
    for (std::int64_t layer = 0; layer < kLayers; ++layer) {
      const auto extra = extra_of(*acting, layer, pe);
      EXPECT_FALSE(extra.position.pe.defined());
      ASSERT_TRUE(static_cast<bool>(extra.transform));
      const auto act =
          apply == Apply::attn_add ? ops::PositionAct::add : ops::PositionAct::multiply;
      test::expect_same(
          extra.transform(qkv),
          ops::act_on_queries_and_keys(qkv, expected(*acting, layer, pe), kHeads, act, 0));
    }
  }
}

TEST_P(SeqpePositionActs, AtTheInputNothing) {
  const auto acting = position(Apply::attn_mul);
  const Tensor pe = acting->embed(line(kTokens), {}), x = test::random_tensor({2, kTokens, 6}, 1);
  EXPECT_EQ(acting->at_input(x, acting->prepare(pe, pe.dtype()), {}).data(), x.data());
}

INSTANTIATE_TEST_SUITE_P(Options, SeqpePositionActs,
                         testing::Values(ActCase{QkProjection::none, true},
                                         ActCase{QkProjection::none, false},
                                         ActCase{QkProjection::single, true},
                                         ActCase{QkProjection::single, false},
                                         ActCase{QkProjection::per_layer, true},
                                         ActCase{QkProjection::per_layer, false}),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace seqpe::models

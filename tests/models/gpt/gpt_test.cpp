#include "models/gpt/gpt.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/ops/elementwise.h"
#include "models/positions/learned.h"
#include "models/positions/registry.h"
#include "models/seqpe/seqpe_position.h"
#include "tests/support/directional_check.h"
#include "tests/support/expect_error.h"
#include "tests/support/modules.h"
#include "tests/support/tensor_compare.h"
#include "tests/support/thread_count.h"

namespace seqpe::models {
namespace {

constexpr std::int64_t kBatch = 4, kTokens = 4, kVocab = 7, kWidth = 4;
constexpr nn::Pass kTraining{.training = true, .seed = 3, .step = 5};

GptOptions gpt_options(double dropout = 0.0) {
  return {.layers = 2,
          .width = kWidth,
          .heads = 2,
          .vocab_size = kVocab,
          .dropout = {dropout, dropout, dropout},
          .dtype = DType::f64};
}

SeqpeOptions seqpe_options(Apply apply = Apply::attn_scalar,
                           QkProjection projection = QkProjection::single, bool multi_head = true) {
  SeqpeOptions options;
  options.apply = apply;
  options.qk_projection = projection;
  options.multi_head = multi_head;
  options.scalar_scale = 0.8;
  options.base = 3;
  options.max_position = 27;
  options.encoder.width = 4;
  options.encoder.heads = 2;
  return options;
}

/// A model with what encodes its positions.
struct Model {
  Model(const GptOptions& options, std::unique_ptr<PositionEncoding> position)
      : gpt(options, std::move(position)) {
    test::randomize(gpt);
  }
  explicit Model(const SeqpeOptions& seqpe, const GptOptions& options = gpt_options())
      : Model(options,
              std::make_unique<SeqpePosition>(seqpe, SeqpePosition::Model{.layers = options.layers,
                                                                          .width = options.width,
                                                                          .heads = options.heads,
                                                                          .dtype = DType::f64})) {
    encoder = &dynamic_cast<SeqpePosition&>(gpt.position()).encoder();
    test::randomize(*encoder);
  }

  Tensor embed(const std::vector<std::int64_t>& starts = {0}, const nn::Pass& pass = {}) const {
    return gpt.position().embed(line(kTokens, starts), pass);
  }
  std::vector<nn::Parameter> parameters() const {
    auto all = gpt.parameters();
    if (encoder == nullptr) return all;
    for (auto parameter : encoder->parameters()) {
      parameter.name = "encoder " + parameter.name;
      all.push_back(parameter);
    }
    return all;
  }

  Gpt gpt;
  SeqpeEncoder* encoder = nullptr;
};

Tensor ids_of(const std::vector<std::int64_t>& ids) {
  return Tensor::from<std::int64_t>({static_cast<std::int64_t>(ids.size()) / kTokens, kTokens},
                                    ids);
}
const std::vector<std::int64_t> kIds{1, 5, 0, 3, 2, 2, 6, 4, 0, 1, 2, 3, 6, 5, 4, 4};

TEST(Gpt, ParametersAreThoseOfPublishedCheckpoints) {
  GptOptions options = gpt_options();
  options.layers = 1;
  const std::vector<std::string> block{
      "transformer.h.0.ln_1.weight",        "transformer.h.0.ln_1.bias",
      "transformer.h.0.attn.c_attn.weight", "transformer.h.0.attn.c_attn.bias",
      "transformer.h.0.attn.c_proj.weight", "transformer.h.0.attn.c_proj.bias",
      "transformer.h.0.ln_2.weight",        "transformer.h.0.ln_2.bias",
      "transformer.h.0.mlp.c_fc.weight",    "transformer.h.0.mlp.c_fc.bias",
      "transformer.h.0.mlp.c_proj.weight",  "transformer.h.0.mlp.c_proj.bias"};
  const auto expected = [&](const std::vector<std::string>& position) {
    std::vector<std::string> names{"transformer.wte.weight"};
    names.insert(names.end(), position.begin(), position.end());
    names.insert(names.end(), block.begin(), block.end());
    names.insert(names.end(), {"transformer.ln_f.weight", "transformer.ln_f.bias"});
    return names;
  };
  EXPECT_EQ(test::names_of(Gpt(options, std::make_unique<NoPosition>())), expected({}));
  EXPECT_EQ(test::names_of(Gpt(options, std::make_unique<LearnedPosition>(9, kWidth, DType::f64))),
            expected({"transformer.wpe.weight"}));
  EXPECT_EQ(test::names_of(Model(seqpe_options(), options).gpt),
            expected({"transformer.pe_qk.weight", "transformer.pe_qk.bias"}));
}

TEST(Gpt, OutputProjectionsStartSmaller) {
  GptOptions options{.layers = 3, .width = 48, .heads = 2, .vocab_size = 50};
  Gpt gpt(options, std::make_unique<NoPosition>());
  gpt.initialize(1);
  const auto deviation = [&](const std::string& name) {
    double squares = 0;
    const auto values = gpt.parameter(name).span<float>();
    for (const float value : values) squares += value * value;
    return std::sqrt(squares / static_cast<double>(values.size()));
  };
  // A sample of 2304 or more: its deviation scatters by 1.5 % at most.
  const double small = 0.02 / std::sqrt(6.0);
  EXPECT_NEAR(deviation("transformer.wte.weight"), 0.02, 0.0016);
  EXPECT_NEAR(deviation("transformer.h.1.attn.c_attn.weight"), 0.02, 0.0016);
  EXPECT_NEAR(deviation("transformer.h.1.mlp.c_fc.weight"), 0.02, 0.0016);
  EXPECT_NEAR(deviation("transformer.h.1.attn.c_proj.weight"), small, 0.08 * small);
  EXPECT_NEAR(deviation("transformer.h.2.mlp.c_proj.weight"), small, 0.08 * small);
  EXPECT_EQ(deviation("transformer.h.0.mlp.c_fc.bias"), 0.0);
  EXPECT_EQ(deviation("transformer.ln_f.weight"), 1.0);
}

TEST(Gpt, HeadIsTheEmbeddingAndLossItsCrossEntropy) {
  const Model model(gpt_options(), std::make_unique<NoPosition>());
  const Tensor hidden = model.gpt.forward(ids_of(kIds), {}, {}, {});
  ASSERT_EQ(hidden.shape(), (Shape{kBatch, kTokens, kWidth}));
  const Tensor logits = model.gpt.logits(hidden);
  ASSERT_EQ(logits.shape(), (Shape{kBatch, kTokens, kVocab}));
  const Tensor table = model.gpt.parameter("transformer.wte.weight");
  Tensor labels = ids_of(kIds).clone();
  labels.data_as<std::int64_t>()[5] = -100;
  double expected = 0;
  for (std::int64_t row = 0; row < kBatch * kTokens; ++row) {
    double sum = 0;
    for (std::int64_t v = 0; v < kVocab; ++v) {
      double product = 0;
      for (std::int64_t c = 0; c < kWidth; ++c)
        product +=
            hidden.data_as<double>()[row * kWidth + c] * table.data_as<double>()[v * kWidth + c];
      EXPECT_NEAR(logits.data_as<double>()[row * kVocab + v], product, 1e-13);
      sum += std::exp(product);
    }
    const std::int64_t label = labels.data_as<std::int64_t>()[row];
    if (label < 0) continue;
    expected += std::log(sum) - logits.data_as<double>()[row * kVocab + label];
  }
  EXPECT_NEAR(model.gpt.loss(hidden, labels).loss.item(), expected / (kBatch * kTokens - 1), 1e-13);
  EXPECT_NEAR(model.gpt.loss(hidden, labels, 40.0).loss.item(), expected / 40, 1e-13);
}

TEST(Gpt, ATokenSeesOnlyThoseBeforeIt) {
  const Model model(seqpe_options());
  std::vector<std::int64_t> changed = kIds;
  changed[2] = 4;  // token 2 of sequence 0
  const Tensor before = model.gpt.forward(ids_of(kIds), model.embed(), {}, {}),
               after = model.gpt.forward(ids_of(changed), model.embed(), {}, {});
  for (std::int64_t token = 0; token < kBatch * kTokens; ++token) {
    const bool same = std::equal(before.data_as<double>() + token * kWidth,
                                 before.data_as<double>() + (token + 1) * kWidth,
                                 after.data_as<double>() + token * kWidth);
    EXPECT_EQ(same, token < 2 || token >= kTokens) << token;
  }
}

TEST(Gpt, MaskedTokensAreNotSeen) {
  const Model model(seqpe_options());
  const Tensor mask = Tensor::zeros({kBatch, kTokens}, DType::u8);
  std::fill_n(static_cast<std::uint8_t*>(mask.data()), mask.numel(), std::uint8_t{1});
  static_cast<std::uint8_t*>(mask.data())[0] = 0;  // left padding of sequence 0
  std::vector<std::int64_t> changed = kIds;
  changed[0] = 6;
  const auto forward = [&](const std::vector<std::int64_t>& ids, const Tensor& key_mask) {
    return model.gpt.forward(ids_of(ids), model.embed(), key_mask, {}).view({-1, kWidth});
  };
  test::expect_same(forward(kIds, mask).rows(1, 16), forward(changed, mask).rows(1, 16));
  EXPECT_NE(test::elements<double>(forward(kIds, {}).rows(1, 16)),
            test::elements<double>(forward(changed, {}).rows(1, 16)));
}

TEST(Gpt, SequencesTakeTheirBlockInTurn) {
  for (const Apply apply :
       {Apply::input_add, Apply::attn_add, Apply::attn_mul, Apply::attn_scalar}) {
    const Model model(seqpe_options(apply));
    const Tensor whole = model.gpt.forward(ids_of(kIds), model.embed({5, 17}), {}, {});
    for (std::int64_t b = 0; b < kBatch; ++b) {
      const Tensor alone = model.gpt.forward(ids_of(kIds).rows(b, b + 1),
                                             model.embed({b % 2 == 0 ? 5 : 17}), {}, {});
      test::expect_close(alone, whole.rows(b, b + 1));
    }
  }
}

TEST(Gpt, MicroBatchesComputeTheWholeBatch) {
  SeqpeOptions seqpe = seqpe_options();
  for (const Apply apply :
       {Apply::input_add, Apply::attn_add, Apply::attn_mul, Apply::attn_scalar}) {
    seqpe.apply = apply;
    const Model model(seqpe, gpt_options(0.3));
    const Tensor pe = model.embed({5, 17}, kTraining);
    const Tensor whole = model.gpt.forward(ids_of(kIds), pe, {}, kTraining);
    for (const std::int64_t size : {1, 2, 3}) {
      for (std::int64_t begin = 0; begin < kBatch; begin += size) {
        const std::int64_t end = std::min(kBatch, begin + size);
        nn::Pass pass = kTraining;
        pass.first_row = begin;
        test::expect_close(model.gpt.forward(ids_of(kIds).rows(begin, end), pe, {}, pass),
                           whole.rows(begin, end));
      }
    }
  }
}

TEST(Gpt, EachDropoutActs) {
  const auto hidden = [](const GptDropout& dropout) {
    GptOptions options = gpt_options();
    options.dropout = dropout;
    const Model model(options, std::make_unique<NoPosition>());
    return test::elements<double>(model.gpt.forward(ids_of(kIds), {}, {}, kTraining));
  };
  const auto none = hidden({0, 0, 0});
  EXPECT_NE(hidden({.embedding = 0.3, .residual = 0, .attention = 0}), none);
  EXPECT_NE(hidden({.embedding = 0, .residual = 0.3, .attention = 0}), none);
  EXPECT_NE(hidden({.embedding = 0, .residual = 0, .attention = 0.3}), none);
}

TEST(Gpt, BitsDoNotDependOnTheNumberOfThreads) {
  // Large enough for more than one chunk a loop, in training.
  GptOptions options{.layers = 1, .width = 32, .heads = 2, .vocab_size = 70};
  SeqpeOptions seqpe = seqpe_options();
  seqpe.max_position = 81;
  constexpr std::int64_t kLong = 48;
  const Tensor ids = Tensor::empty({kBatch, kLong}, DType::i64);
  for (std::int64_t i = 0; i < ids.numel(); ++i)
    ids.data_as<std::int64_t>()[i] = i * i % options.vocab_size;
  const auto run = [&] {
    auto position =
        std::make_unique<SeqpePosition>(seqpe, SeqpePosition::Model{.layers = options.layers,
                                                                    .width = options.width,
                                                                    .heads = options.heads,
                                                                    .dtype = DType::f32});
    SeqpeEncoder& encoder = position->encoder();
    Gpt gpt(options, std::move(position));
    test::randomize(gpt);
    test::randomize(encoder);
    const Tensor pe = gpt.position().embed(line(kLong, {0, 20}), kTraining);
    const Tensor loss = gpt.loss(gpt.forward(ids, pe, {}, kTraining), ids).loss;
    std::vector<Tensor> results{loss.detach()};
    autograd::backward(loss);
    for (const nn::Module* module :
         {static_cast<nn::Module*>(&gpt), static_cast<nn::Module*>(&encoder)}) {
      for (const auto& parameter : module->parameters()) results.push_back(parameter.value.grad());
    }
    return results;
  };
  std::vector<Tensor> expected;
  for (const int threads : {1, 2, 4}) {
    const test::ThreadCount scope(threads);
    const std::vector<Tensor> results = run();
    if (threads == 1) expected = results;
    for (std::size_t i = 0; i < results.size(); ++i) test::expect_same(results[i], expected[i]);
  }
}

TEST(Gpt, Errors) {
  const auto make = [](std::int64_t heads) {
    return [heads] {
      GptOptions options = gpt_options();
      options.heads = heads;
      Gpt(options, std::make_unique<NoPosition>());
    };
  };
  for (const std::int64_t heads : {0, 3}) {
    test::expect_error<ConfigError>(
        make(heads),
        fmt::format("[gpt] model.width must be a multiple of model.heads, got 4 and {}.", heads));
  }
  const Model model(gpt_options(), std::make_unique<NoPosition>());
  test::expect_error([&] { model.gpt.forward(Tensor::zeros({4}, DType::i64), {}, {}, {}); },
                     "[gpt] ids must have shape [B, T], got [4].");
  test::expect_error(
      [&] {
        model.gpt.forward(ids_of({0, 1, 2, kVocab}), {}, {}, {});
      },
      "[embedding] indices must lie in [0, 7) (rows of the table), got 7 at 3.");
}

/// Loss and hidden states of two sequences at two blocks of positions, in training.
void expect_model_gradients(const Model& model) {
  const std::vector<std::int64_t> ids(kIds.begin(), kIds.begin() + 2 * kTokens);
  const std::vector<std::int64_t> labels(kIds.begin() + 1, kIds.begin() + 2 * kTokens + 1);
  test::expect_directional_gradients(
      [&] {
        const Tensor pe = model.embed({0, 9}, kTraining);
        const Tensor hidden = model.gpt.forward(ids_of(ids), pe, {}, kTraining);
        return model.gpt.loss(hidden, ids_of(labels)).loss;
      },
      model.parameters(), 1e-6);
}

TEST(Gpt, GradientsWithoutSeqpe) {
  const GptOptions options = gpt_options(0.2);
  for (const PositionKind& kind : position_kinds()) {
    if (kind.name == std::string("seqpe") || !kind.can.text) continue;
    SCOPED_TRACE(kind.name);
    expect_model_gradients(Model(options, kind.make({.layers = options.layers,
                                                     .width = kWidth,
                                                     .heads = options.heads,
                                                     .trained = {13},
                                                     .dtype = DType::f64,
                                                     .seqpe = {}})));
  }
  GptOptions exact = gpt_options(0.2);
  exact.activation = ops::Activation::gelu_erf;
  expect_model_gradients(Model(exact, std::make_unique<NoPosition>()));
}

struct SeqpeCase {
  Apply apply;
  QkProjection projection;
  bool multi_head;
};

std::ostream& operator<<(std::ostream& out, const SeqpeCase& test_case) {
  const char* const applies[] = {"input_add", "attn_add", "attn_mul", "attn_scalar"};
  const char* const projections[] = {"none", "none_split", "single", "per_layer"};
  return out << applies[static_cast<int>(test_case.apply)] << "_"
             << projections[static_cast<int>(test_case.projection)]
             << (test_case.multi_head ? "_multi_head" : "_shared");
}

class GptWithSeqpe : public testing::TestWithParam<SeqpeCase> {
 protected:
  SeqpeOptions options() const {
    return seqpe_options(GetParam().apply, GetParam().projection, GetParam().multi_head);
  }
};

TEST_P(GptWithSeqpe, Gradients) {
  expect_model_gradients(Model(options(), gpt_options(0.2)));
}

TEST_P(GptWithSeqpe, PositionsAct) {
  const Model model(options());
  const auto hidden = [&](const std::vector<std::int64_t>& starts) {
    return test::elements<double>(model.gpt.forward(ids_of(kIds), model.embed(starts), {}, {}));
  };
  EXPECT_NE(hidden({0}), hidden({9}));
  EXPECT_EQ(hidden({9}), hidden({9}));
}

std::vector<SeqpeCase> all_cases() {
  std::vector<SeqpeCase> cases;
  for (const Apply apply :
       {Apply::input_add, Apply::attn_add, Apply::attn_mul, Apply::attn_scalar}) {
    for (const QkProjection projection :
         {QkProjection::none, QkProjection::single, QkProjection::per_layer}) {
      for (const bool multi_head : {true, false}) cases.push_back({apply, projection, multi_head});
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Options, GptWithSeqpe, testing::ValuesIn(all_cases()),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace seqpe::models

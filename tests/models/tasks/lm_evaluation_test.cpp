// Perplexity and sampling, of models whose probabilities are known.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/autograd/node.h"
#include "models/tasks/lm_evaluation.h"
#include "models/tasks/lm_generation.h"
#include "tests/support/expect_error.h"

namespace seqpe::models {
namespace {

/// Bytes with settings of a tiny model.
LanguageModel tiny_model(std::vector<std::string> settings) {
  settings.insert(settings.begin(),
                  {"model.layers=1", "model.width=4", "model.heads=2", "seqpe.encoder.width=4",
                   "seqpe.encoder.heads=2", "seqpe.encoder.layers=1", "data.block_size=8"});
  return LanguageModel(load_model_config({}, settings), data::make_byte_tokenizer(), DType::f64);
}

/// A model without positions whose logits are ln(weight) at every token: the last layer norm
/// answers (1, 0, 0, 0), and the first column of the head holds the logits.
LanguageModel unigram_model(const std::map<char, double>& weights,
                            std::vector<std::string> settings = {}) {
  settings.emplace_back("model.position=none");
  LanguageModel model = tiny_model(std::move(settings));
  for (const nn::Parameter& parameter : model.parameters()) parameter.value.clear();
  model.gpt().parameter("transformer.ln_f.bias").data_as<double>()[0] = 1;
  const Tensor head = model.gpt().parameter("transformer.wte.weight");
  for (const auto& [byte, weight] : weights)
    head.data_as<double>()[static_cast<unsigned char>(byte) * head.dim(1)] = std::log(weight);
  return model;
}

data::Chunks chunks_of(const std::vector<std::string>& texts) {
  data::Chunks chunks;
  for (const std::string& text : texts) chunks.push_back(data::make_byte_tokenizer()->encode(text));
  return chunks;
}

void expect_row(const train::EvalRow& row, const train::EvalRow& expected) {
  ASSERT_EQ(row.size(), expected.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    EXPECT_EQ(row[i].first, expected[i].first);
    EXPECT_NEAR(row[i].second, expected[i].second, 1e-12 * std::abs(expected[i].second))
        << row[i].first;
  }
}

TEST(EvaluateLength, EqualProbabilitiesGiveTheVocabulary) {
  const LanguageModel model = unigram_model({});
  // 7 + 4 tokens, the last of a chunk has no label; words begin at the spaces and at the very first
  // token.
  const train::EvalRow row = evaluate_length(model, chunks_of({"ab ab c", "d ef"}), 4).row();
  expect_row(row, {{"length", 4},
                   {"nll", std::log(256.0)},
                   {"token_ppl", 256},
                   {"word_ppl", std::pow(256.0, 9.0 / 4.0)},
                   {"tokens", 9},
                   {"words", 4},
                   {"blocks", 3}});
}

TEST(EvaluateLength, IsTheMeanOverTheLabels) {
  // Weights 2 and 4, the other 254 have 1: together 260. The labels are "b ab c".
  const LanguageModel model = unigram_model({{'a', 2}, {' ', 4}});
  const double nll = 6 * std::log(260.0) - 2 * std::log(4.0) - std::log(2.0);
  for (const std::int64_t length : {1, 3, 4, 7, 100}) {
    SCOPED_TRACE(length);
    expect_row(evaluate_length(model, chunks_of({"ab ab c"}), length).row(),
               {{"length", static_cast<double>(length)},
                {"nll", nll / 6},
                {"token_ppl", std::exp(nll / 6)},
                {"word_ppl", std::exp(nll / 3)},
                {"tokens", 6},
                {"words", 3},
                {"blocks", std::ceil(7.0 / static_cast<double>(length))}});
  }
}

TEST(EvaluateLength, BlocksOfAStrideCountTheirOverlapAgain) {
  const LanguageModel model = unigram_model({{'b', 3}}, {"eval.stride=2"});
  // Blocks "aaab", "abbc" and "b" with the labels "aabb", "bbcb" and none.
  const double nll = 8 * std::log(258.0) - 5 * std::log(3.0);
  expect_row(evaluate_length(model, chunks_of({"aaabbcb"}), 4).row(),
             {{"length", 4},
              {"nll", nll / 8},
              {"token_ppl", std::exp(nll / 8)},
              {"word_ppl", std::exp(nll)},
              {"tokens", 8},
              {"words", 1},
              {"blocks", 3}});
}

TEST(EvaluateLength, EveryBlockBeginsAtTheConfiguredPosition) {
  for (const std::int64_t start : {0, 7}) {
    const LanguageModel model = tiny_model({"eval.start=" + std::to_string(start)});
    model.initialize(3);
    const data::Chunks chunks = chunks_of({"It was the best of times"});
    double sum = 0;
    for (const data::Block& block : data::evaluation_blocks(chunks, 10, 10, false)) {
      const autograd::NoGradGuard no_grad;
      const Tensor ids = Tensor::empty({1, block.length}, DType::i64),
                   labels = Tensor::empty({1, block.length}, DType::i64);
      data::fill_block(chunks, block, ids.data_as<std::int64_t>(), labels.data_as<std::int64_t>());
      const Tensor pe = model.gpt().position().embed({start}, block.length, {});
      sum += model.gpt().loss(model.gpt().forward(ids, pe, {}, {}), labels).sum;
    }
    EXPECT_NEAR(evaluate_length(model, chunks, 10).nll, sum / 23, 1e-12);
  }
}

TEST(EvaluateLength, TellsWhatIsDone) {
  std::vector<std::int64_t> done;
  evaluate_length(unigram_model({}), chunks_of({std::string(9, 'a')}), 2,
                  [&](std::int64_t blocks, std::int64_t total) {
                    EXPECT_EQ(total, 5);
                    done.push_back(blocks);
                  });
  EXPECT_EQ(done, (std::vector<std::int64_t>{4, 5})) << "the shorter block on its own";
}

TEST(Generate, IsReproducibleBySeed) {
  const LanguageModel model = tiny_model({});
  model.initialize(3);
  const std::string one = generate(model, "It was", 20, 1.0, 5);
  EXPECT_EQ(one, generate(model, "It was", 20, 1.0, 5));
  EXPECT_NE(one, generate(model, "It was", 20, 1.0, 6));
  EXPECT_TRUE(one.starts_with("It was"));
  EXPECT_EQ(one.size(), 26u);
}

TEST(Generate, DrawsByTheProbabilitiesAtATemperature) {
  // 'a' has 765 of 765 + 255 at temperature 1, sqrt(765) of sqrt(765) + 255 at 2. Bounds: four
  // standard deviations of 400 draws.
  const LanguageModel model = unigram_model({{'a', 765}});
  const std::pair<double, double> cases[] = {
      {0.01, 1.0}, {1.0, 0.75}, {2.0, std::sqrt(765.0) / (std::sqrt(765.0) + 255)}};
  for (const auto& [temperature, share] : cases) {
    const std::string text = generate(model, "b", 400, temperature, 1).substr(1);
    const auto got = static_cast<double>(std::count(text.begin(), text.end(), 'a')) / 400;
    EXPECT_NEAR(got, share, 4 * std::sqrt(share * (1 - share) / 400)) << temperature;
  }
}

TEST(Generate, EndsWhereTheModelHasNoMorePositions) {
  const LanguageModel model =
      tiny_model({"seqpe.base=3", "seqpe.max_position=9", "seqpe.max_digits=2", "data.block_size=4",
                  "seqpe.contrastive.weight=0", "seqpe.transfer.weight=0", "seqpe.shift.rate=0"});
  model.initialize(3);
  EXPECT_EQ(generate(model, "four", 3, 1.0, 1).size(), 7u);
  EXPECT_EQ(generate(model, "four", 20, 1.0, 1).size(), 9u) << "3^2 positions";
  EXPECT_EQ(generate(model, "nine bytes", 20, 1.0, 1), "nine bytes");
}

TEST(Generate, RefusesAnEmptyPrompt) {
  test::expect_error<DataError>([] { generate(unigram_model({}), "", 1, 1.0, 1); },
                                "[generate] the prompt must hold at least one token, it is empty.");
}

}  // namespace
}  // namespace seqpe::models

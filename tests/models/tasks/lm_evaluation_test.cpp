// Perplexity, of models whose probabilities are known.
#include "models/tasks/lm_evaluation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/autograd/node.h"
#include "tests/support/tiny_language_model.h"

namespace seqpe::models {
namespace {

using test::tiny_language_model;
using test::unigram_model;

data::Chunks chunks_of(const std::vector<std::string>& texts) {
  data::Chunks chunks;
  for (const std::string& text : texts) chunks.push_back(data::make_byte_tokenizer()->encode(text));
  return chunks;
}

void expect_row(const train::EvalRow& row, const train::EvalRow& expected) {
  ASSERT_EQ(row.size(), expected.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    EXPECT_EQ(row[i].first, expected[i].first);
    if (const auto* value = std::get_if<double>(&expected[i].second)) {
      EXPECT_NEAR(std::get<double>(row[i].second), *value, 1e-12 * *value) << row[i].first;
    } else {
      EXPECT_EQ(row[i].second, expected[i].second) << row[i].first;
    }
  }
}

TEST(EvaluateLength, EqualProbabilitiesGiveTheVocabulary) {
  const LanguageModel model = unigram_model({});
  // 7 + 4 tokens, the last of a chunk has no label; words begin at the spaces and at the very first
  // token.
  const train::EvalRow row = evaluate_length(model, chunks_of({"ab ab c", "d ef"}), 4).row();
  expect_row(row, {{"length", 4},
                   {"nll", std::log(256.0)},
                   {"token_ppl", 256.0},
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
               {{"length", length},
                {"nll", nll / 6},
                {"token_ppl", std::exp(nll / 6)},
                {"word_ppl", std::exp(nll / 3)},
                {"tokens", 6},
                {"words", 3},
                {"blocks", (7 + length - 1) / length}});
  }
}

TEST(EvaluateLength, TellsTheLongestBlockThatThereWas) {
  const LanguageModel model = unigram_model({});
  const data::Chunks chunks = chunks_of({"abcde", "ab"});
  EXPECT_EQ(evaluate_length(model, chunks, 4).longest, 4);
  EXPECT_EQ(evaluate_length(model, chunks, 5).longest, 5);
  EXPECT_EQ(evaluate_length(model, chunks, 100).longest, 5);
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
    const LanguageModel model = tiny_language_model({"eval.start=" + std::to_string(start)});
    const data::Chunks chunks = chunks_of({"It was the best of times"});
    double sum = 0;
    for (const data::Block& block : data::evaluation_blocks(chunks, 10, 10, false)) {
      const autograd::NoGradGuard no_grad;
      const Tensor ids = Tensor::empty({1, block.length}, DType::i64),
                   labels = Tensor::empty({1, block.length}, DType::i64);
      data::fill_block(chunks, block, ids.data_as<std::int64_t>(), labels.data_as<std::int64_t>());
      const Tensor pe = model.gpt().position().embed(line(block.length, {start}), {});
      sum += model.gpt().loss(model.gpt().forward(ids, pe, {}, {}), labels, 1.0).loss.item();
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

TEST(EvaluateLength, AShortRestBlockTakesTheRowsOfItsOwnLength) {
  // A table of 8 rows, blocks of 32: the rest of 20 tokens is stretched over 20, the rest of 5
  // takes five rows as they are.
  const LanguageModel model = tiny_language_model({"model.position=learned"});
  std::vector<std::int32_t> tokens;
  for (std::int32_t i = 0; i < 32 + 20; ++i) tokens.push_back(i * 37 % 256);
  for (const std::size_t rest : {20U, 5U}) {
    const std::vector<std::int32_t> all(tokens.begin(), tokens.begin() + 32 + rest),
        first(tokens.begin(), tokens.begin() + 33), last(all.end() - rest, all.end());
    const LengthEvaluation both = evaluate_length(model, {all}, 32),
                           whole = evaluate_length(model, {first}, 32),
                           alone = evaluate_length(model, {last}, static_cast<std::int64_t>(rest));
    EXPECT_EQ(both.tokens, whole.tokens + alone.tokens);
    // `first` has one token more than a block, predicted from but not predicting.
    EXPECT_NEAR(both.nll * static_cast<double>(both.tokens),
                whole.nll * static_cast<double>(whole.tokens) +
                    alone.nll * static_cast<double>(alone.tokens),
                1e-10)
        << rest;
  }
}

}  // namespace
}  // namespace seqpe::models

// One step of a language model: which losses it has, with which weights, at which positions.
#include "models/tasks/lm_step.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/autograd/node.h"
#include "engine/ops/cross_entropy.h"
#include "models/seqpe/losses.h"
#include "tests/support/micro_batches.h"
#include "tests/support/tensor_compare.h"
#include "tests/support/tiny_language_model.h"

namespace seqpe::models {
namespace {

using ops::kIgnoreIndex;
using test::tiny_language_model;

/// Weights of some size: initial ones make all embeddings of positions nearly the same.
LanguageModel lively_model(const std::vector<std::string>& settings) {
  LanguageModel model = tiny_language_model(settings);
  for (const nn::Parameter& parameter : model.parameters()) {
    for (double& value : parameter.value.span<double>()) value *= 5;
  }
  return model;
}

Tensor all_of(const Shape& shape, std::int64_t value) {
  return Tensor::from(
      shape, std::vector<std::int64_t>(static_cast<std::size_t>(element_count(shape)), value));
}

/// `batch` sequences of 4 tokens, each token's label the next one.
LmStep some_step(std::int64_t batch) {
  std::vector<std::int64_t> ids, labels;
  for (std::int64_t i = 0; i < batch * 4; ++i) {
    ids.push_back(i * 37 % 256);
    labels.push_back((i + 1) * 37 % 256);
  }
  LmStep step;
  step.ids = Tensor::from({batch, 4}, ids);
  step.labels = Tensor::from({batch, 4}, labels);
  return step;
}

/// The task's loss with the embeddings of each sequence made on their own.
double loss_by_sequence(const LanguageModel& model, const LmStep& step) {
  const autograd::NoGradGuard no_grad;
  double sum = 0;
  const auto batch = static_cast<std::size_t>(step.ids.dim(0));
  for (std::size_t b = 0; b < batch; ++b) {
    const auto row = static_cast<std::int64_t>(b);
    const Tensor pe = model.gpt().position().embed(
        line(step.ids.dim(1), {step.starts[b % step.starts.size()]}), {});
    const Tensor hidden = model.gpt().forward(step.ids.rows(row, row + 1), pe, {}, {});
    sum += model.gpt().loss(hidden, step.labels.rows(row, row + 1), 1.0).loss.item();
  }
  return sum / static_cast<double>(step.labels.numel());
}

train::StepTerms compute(const LanguageModel& model, const LmStep& step, std::int64_t micro_batch,
                         const nn::Pass& pass = {}) {
  train::MicroBatches micro_batches(test::rows_at_once(step.ids.dim(0), micro_batch));
  return run_step(model, step_inputs(model, step), pass, micro_batches);
}

TEST(RegulariserWarmup, GrowsLinearlyToOne) {
  SeqpeOptions options;
  EXPECT_EQ(regulariser_warmup(options, 0), 1.0) << "no warmup";
  options.loss_warmup_steps = 4;
  const double expected[] = {0.25, 0.5, 0.75, 1.0, 1.0};
  for (std::int64_t step = 0; step < 5; ++step)
    EXPECT_EQ(regulariser_warmup(options, step), expected[step]) << step;
}

TEST(LmStep, LossAndGradientAreMeansOverTheLabelsThatCount) {
  // Weights 4 and 2, the other 254 have 1: together 260. Of five labels, three in the first
  // sequence and none in the third, two are 'a' and one is 'b'.
  constexpr std::int64_t kNone = kIgnoreIndex;
  for (const std::int64_t micro_batch : {1, 2, 3, 8}) {
    SCOPED_TRACE(micro_batch);
    const LanguageModel model = test::unigram_model({{'a', 4}, {'b', 2}});
    LmStep step;
    step.ids = all_of({3, 3}, 7);
    step.labels =
        Tensor::from<std::int64_t>({3, 3}, {'a', 'b', 'c', 'a', kNone, 'd', kNone, kNone, kNone});
    const train::StepTerms terms = compute(model, step, micro_batch);
    const double loss = std::log(260.0) - (2 * std::log(4.0) + std::log(2.0)) / 5;
    EXPECT_NEAR(terms.loss.item(), loss, 1e-13);
    ASSERT_EQ(terms.terms.size(), 1u);
    EXPECT_EQ(terms.terms[0].first, "task");
    EXPECT_EQ(terms.terms[0].second.item(), terms.loss.item());
    EXPECT_EQ(terms.samples, 9) << "those without a label too";
    // Probability less share of the labels; what reaches the embedding of token 7 is cut off by
    // the last layer norm, whose weight is 0.
    const Tensor grad = model.gpt().parameter("transformer.wte.weight").grad();
    const auto of = [&](char byte) { return grad.data_as<double>()[byte * grad.dim(1)]; };
    EXPECT_NEAR(of('a'), 4 / 260.0 - 0.4, 1e-14);
    EXPECT_NEAR(of('b'), 2 / 260.0 - 0.2, 1e-14);
    EXPECT_NEAR(of('d'), 1 / 260.0 - 0.2, 1e-14);
    EXPECT_NEAR(of('e'), 1 / 260.0, 1e-14);
  }
}

TEST(LmStep, WithoutAnyLabelNothingIsLearned) {
  const LanguageModel model = test::unigram_model({{'a', 4}});
  LmStep step;
  step.ids = all_of({2, 3}, 7);
  step.labels = all_of({2, 3}, kIgnoreIndex);
  EXPECT_EQ(compute(model, step, 1).loss.item(), 0.0);
  const Tensor grad = model.gpt().parameter("transformer.wte.weight").grad();
  for (const double value : grad.span<double>()) ASSERT_EQ(value, 0.0);
}

TEST(LmStep, SequencesTakeTheStartsInTurn) {
  for (const char* apply : {"attn_scalar", "input_add"}) {
    for (const std::int64_t micro_batch : {1, 2, 3, 5}) {
      SCOPED_TRACE(fmt::format("{}, micro-batches of {}", apply, micro_batch));
      const LanguageModel model = lively_model({std::string("seqpe.apply=") + apply});
      LmStep step = some_step(5);
      step.starts = {1000, 3, 77};
      const double expected = loss_by_sequence(model, step);
      EXPECT_NEAR(compute(model, step, micro_batch).loss.item(), expected, 1e-12 * expected);
      step.starts = {0};
      EXPECT_GT(std::abs(loss_by_sequence(model, step) - expected), 1e-6) << "starts must matter";
    }
  }
}

TEST(LmStep, DropoutDrawsByTheNumberOfTheStep) {
  const LanguageModel model = lively_model(
      {"model.position=none", "model.dropout.residual=0.3", "model.dropout.embedding=0.3"});
  LmStep step = some_step(2);
  const auto loss = [&](std::int64_t number) {
    step.step = number;
    return compute(model, step, 2, {.training = true, .seed = 3}).loss.item();
  };
  const auto expected = [&](std::uint32_t number) {
    const autograd::NoGradGuard no_grad;
    const nn::Pass pass{.training = true, .seed = 3, .step = number};
    const Tensor hidden = model.gpt().forward(step.ids, {}, {}, pass);
    return model.gpt().loss(hidden, step.labels, 0.0).loss.item();
  };
  EXPECT_NE(expected(1), expected(2));
  for (const std::uint32_t number : {1u, 2u}) EXPECT_NEAR(loss(number), expected(number), 1e-14);
}

TEST(LmStep, RegularisersAreThoseOfTheirOwnPositions) {
  const LanguageModel model =
      lively_model({"seqpe.contrastive.weight=0.2", "seqpe.transfer.weight=0.3",
                    "seqpe.loss_warmup_steps=4", "seqpe.contrastive.logit_scale=0.7"});
  const SeqpeOptions& options = model.config().seqpe;
  const SeqpeEncoder& encoder = model.seqpe()->encoder();
  LmStep step = some_step(2);
  step.step = 1;  // half of the warmup
  const ContrastiveSample contrastive{
      .pivots = {5, 900}, .candidates = {7, 11, 950, 40}, .labels = {0, 0}};
  const TransferSample transfer{.starts = {100, 2000}, .indices = {0, 3, 1, 2}};
  const double expected_contrastive =
      contrastive_loss(encoder.forward({5, 900}, {}), encoder.forward({7, 11, 950, 40}, {}),
                       repeated_labels({0, 0}, 1), 0.7)
          .item();
  const double expected_transfer =
      transfer_loss(encoder.forward({0, 1, 2, 3}, {}), encoder.forward({100, 103, 2001, 2002}, {}),
                    Tensor::from<std::int64_t>({2, 2}, {0, 3, 1, 2}), 2, options.transfer)
          .item();
  ASSERT_GT(expected_transfer, 1e-6);
  const double task = loss_by_sequence(model, step);
  for (const bool with_contrastive : {false, true}) {
    for (const bool with_transfer : {false, true}) {
      step.contrastive = with_contrastive ? std::optional(contrastive) : std::nullopt;
      step.transfer = with_transfer ? std::optional(transfer) : std::nullopt;
      const train::StepTerms terms = compute(model, step, 2);
      ASSERT_EQ(terms.terms.size(), 3u);
      EXPECT_EQ(terms.terms[0].first, "task");
      EXPECT_EQ(terms.terms[1].first, "contrastive");
      EXPECT_EQ(terms.terms[2].first, "transfer");
      ASSERT_EQ(terms.terms[1].second.defined(), with_contrastive);
      ASSERT_EQ(terms.terms[2].second.defined(), with_transfer);
      double expected = task;
      if (with_contrastive) {
        EXPECT_NEAR(terms.terms[1].second.item(), expected_contrastive, 1e-12);
        expected += 0.5 * 0.2 * expected_contrastive;
      }
      if (with_transfer) {
        EXPECT_NEAR(terms.terms[2].second.item(), expected_transfer, 1e-12);
        expected += 0.5 * 0.3 * expected_transfer;
      }
      EXPECT_NEAR(terms.loss.item(), expected, 1e-12 * expected);
    }
  }
}

}  // namespace
}  // namespace seqpe::models

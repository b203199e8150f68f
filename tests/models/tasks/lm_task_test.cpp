// The language-model task: micro-batches, thread counts, mixed precision, what a step depends on.
#include "models/tasks/lm_task.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "engine/optim/parameter_buffers.h"
#include "tests/support/micro_batches.h"
#include "tests/support/thread_count.h"
#include "tests/support/tiny_language_model.h"

namespace seqpe::models {
namespace {

Config tiny_config(const std::vector<std::string>& more = {}) {
  return load_config({}, test::tiny_settings(more));
}

/// Loss and gradients of one step.
struct Step {
  double loss;
  std::vector<std::pair<std::string, Tensor>> gradients;
};

Step one_step(const Config& config, std::int64_t step, DType dtype,
              std::optional<DType> compute = std::nullopt) {
  const LanguageModel model(config, data::make_byte_tokenizer(), dtype);
  model.initialize(3);
  LmTask task(model);
  const auto groups = optim::make_groups(task.parameters(), compute);
  for (const auto& group : groups) group.clear_gradients();
  Step out{test::run_step(task, step, config.train).loss.item(), {}};
  for (const auto& group : groups) group.complete_gradients();
  for (const auto& parameter : task.parameters())
    out.gradients.emplace_back(parameter.name, parameter.value.grad().clone());
  return out;
}

/// One start position for all sequences, several start positions, no encoder, a table in the model.
const std::vector<std::string> kKinds[] = {{"seqpe.shift.rate=0"},
                                           {"seqpe.shift.rate=1"},
                                           {"seqpe.shift.rate=1", "seqpe.apply=input_add"},
                                           {"model.position=learned"},
                                           {"model.position=none"}};

double norm_of(const Tensor& tensor) {
  double squares = 0;
  const Tensor wide = tensor.to(DType::f64);
  for (const double value : wide.span<double>()) squares += value * value;
  return std::sqrt(squares);
}

// bf16 keeps 8 bits; a gradient passes through tens of roundings, and adds up in float32.
TEST(LmTask, MixedPrecisionIsNearFloat32) {
  for (const auto& kind : kKinds) {
    SCOPED_TRACE(kind.back());
    const Config config = tiny_config(kind);
    const Step wide = one_step(config, 1, DType::f32);
    const Step mixed = one_step(config, 1, DType::f32, DType::bf16);
    EXPECT_NEAR(mixed.loss, wide.loss, 0.01 * wide.loss);
    double difference = 0, size = 0;
    for (std::size_t p = 0; p < wide.gradients.size(); ++p) {
      const Tensor &exact = wide.gradients[p].second, &rough = mixed.gradients[p].second;
      ASSERT_EQ(rough.dtype(), DType::f32) << wide.gradients[p].first;
      const auto a = exact.span<float>(), b = rough.span<float>();
      for (std::size_t i = 0; i < a.size(); ++i) difference += std::pow(b[i] - a[i], 2);
      size += std::pow(norm_of(exact), 2);
    }
    EXPECT_LT(std::sqrt(difference), 0.03 * std::sqrt(size));
    EXPECT_GT(difference, 0) << "nothing was rounded";
  }
}

TEST(LmTask, MicroBatchesEqualTheWholeBatch) {
  // In float64 only the order of sums differs: about 1e3 terms of 1e-16.
  constexpr double kBound = 1e-12;
  for (const auto& kind : kKinds) {
    SCOPED_TRACE(kind.back());
    std::vector<std::string> with_dropout = kind;
    with_dropout.insert(with_dropout.end(),
                        {"model.dropout.residual=0.2", "model.dropout.attention=0.2",
                         "model.dropout.embedding=0.2"});
    const Step whole = one_step(tiny_config(with_dropout), 1, DType::f64);
    for (const char* micro : {"1", "2"}) {
      auto settings = with_dropout;
      settings.push_back(std::string("train.micro_batch_size=") + micro);
      const Step parts = one_step(tiny_config(settings), 1, DType::f64);
      EXPECT_NEAR(parts.loss, whole.loss, kBound);
      for (std::size_t p = 0; p < whole.gradients.size(); ++p) {
        const auto a = whole.gradients[p].second.span<double>(),
                   b = parts.gradients[p].second.span<double>();
        for (std::size_t i = 0; i < a.size(); ++i)
          ASSERT_NEAR(a[i], b[i], kBound) << whole.gradients[p].first << " micro " << micro;
      }
    }
  }
}

TEST(LmTask, AStepIsTheSameForAnyNumberOfThreads) {
  // Large enough for more than one chunk a loop.
  const std::vector<std::string> large{"model.width=48", "seqpe.encoder.width=32",
                                       "data.block_size=48", "train.batch_size=8",
                                       "seqpe.contrastive.pivots=16"};
  for (const auto& kind : kKinds) {
    SCOPED_TRACE(kind.back());
    std::vector<std::string> settings = large;
    settings.insert(settings.end(), kind.begin(), kind.end());
    const auto with_threads = [&](int count) {
      const test::ThreadCount threads(count);
      return one_step(tiny_config(settings), 2, DType::f32);
    };
    const Step one = with_threads(1);
    for (const int count : {2, 4}) {
      const Step many = with_threads(count);
      EXPECT_EQ(one.loss, many.loss);
      for (std::size_t p = 0; p < one.gradients.size(); ++p) {
        const auto a = one.gradients[p].second.span<float>(),
                   b = many.gradients[p].second.span<float>();
        EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin())) << one.gradients[p].first;
      }
    }
  }
}

TEST(LmTask, AStepIsAFunctionOfStepAndWeightsAlone) {
  const Config config = tiny_config({"seqpe.shift.rate=0.5"});
  const LanguageModel model(config, data::make_byte_tokenizer());
  model.initialize(3);
  LmTask walked(model);
  for (std::int64_t step = 0; step < 8; ++step) {
    LmTask fresh(model);
    EXPECT_EQ(test::run_step(walked, step, config.train).loss.item(),
              test::run_step(fresh, step, config.train).loss.item())
        << step;
  }
}

TEST(LmTask, AnEvaluationIsThatOfTheWeightsUntilAStep) {
  const LanguageModel model(
      tiny_config({"data.valid_path=builtin:tale_of_two_cities_valid.txt", "eval.max_lines=2"}),
      data::make_byte_tokenizer());
  model.initialize(3);
  LmTask task(model);
  EXPECT_FALSE(task.evaluated().has_value());
  const double loss = task.evaluate({}).loss.value();
  ASSERT_TRUE(task.evaluated().has_value());
  EXPECT_EQ(task.evaluated()->nll, loss);
  task.draw(0);
  EXPECT_FALSE(task.evaluated().has_value());
}

TEST(LmTask, TheRegularisersWarmUpInTheTotalLoss) {
  struct Case {
    const char* warmup;
    std::vector<double> factors;  // of step 0, 1, ...
  };
  const Case cases[] = {{"seqpe.loss_warmup_steps=0", {1, 1}},
                        {"seqpe.loss_warmup_steps=1", {1, 1}},
                        {"seqpe.loss_warmup_steps=4", {0.25, 0.5, 0.75, 1, 1}}};
  for (const auto& [warmup, factors] : cases) {
    SCOPED_TRACE(warmup);
    const LanguageModel model(
        tiny_config({warmup, "seqpe.shift.rate=0", "seqpe.contrastive.weight=0.2",
                     "seqpe.transfer.weight=0.3"}),
        data::make_byte_tokenizer(), DType::f64);
    model.initialize(3);
    // Transfer is near zero with the initial weights: let the embeddings differ.
    const Tensor out = model.seqpe()->encoder().parameter("encoder.out_proj.weight");
    for (double& value : out.span<double>()) value *= 50;
    LmTask task(model);
    for (std::size_t step = 0; step < factors.size(); ++step) {
      const train::StepTerms terms =
          test::run_step(task, static_cast<std::int64_t>(step), model.config().train);
      std::map<std::string, double> by_name;
      for (const auto& [name, loss] : terms.terms) by_name[name] = loss.item();
      EXPECT_GT(by_name.at("transfer"), 1e-3);
      EXPECT_NEAR(terms.loss.item(),
                  by_name.at("task") + factors[step] * (0.2 * by_name.at("contrastive") +
                                                        0.3 * by_name.at("transfer")),
                  1e-13)
          << "step " << step;
    }
  }
}

}  // namespace
}  // namespace seqpe::models

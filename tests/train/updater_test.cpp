// One update: which rate, decay and clipping a group gets. With the first step of AdamW by hand:
// both moments are the gradient's own, so a weight w with the clipped gradient g becomes
// w - rate (decay w + g / (|g| + eps)).
#include "engine/train/updater.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/autograd/backward.h"
#include "engine/ops/elementwise.h"
#include "tests/support/expect_error.h"

namespace seqpe::train {
namespace {

/// Four weights, each with the same gradient in every step.
class ConstantGradients final : public Task {
 public:
  explicit ConstantGradients(double loss = 1.0) : loss_(loss) {
    for (Tensor* weight : {&decayed_, &exempt_, &encoder_decayed_, &encoder_exempt_}) {
      *weight = Tensor::from({1}, std::vector<double>{2.0});
      weight->set_requires_grad();
    }
  }
  const char* unit() const override { return "tokens"; }
  std::vector<nn::Parameter> parameters() const override {
    return {{"decayed", decayed_, "model", true},
            {"exempt", exempt_, "model", false},
            {"encoder.decayed", encoder_decayed_, "encoder", true},
            {"encoder.exempt", encoder_exempt_, "encoder", false}};
  }
  /// The model's gradient is (3, 4), the encoder's (5, 12).
  StepInputs draw(std::int64_t) override { return {}; }
  StepTerms forward_backward(const StepInputs&, MicroBatches&) override {
    const std::pair<Tensor, double> gradients[] = {
        {decayed_, 3}, {exempt_, 4}, {encoder_decayed_, 5}, {encoder_exempt_, encoder_gradient}};
    for (const auto& [weight, gradient] : gradients)
      autograd::backward(ops::scale(weight, gradient));
    const Tensor loss = Tensor::full({1}, loss_, DType::f64);
    return {loss, {{"task", loss}, {"none", {}}}, 1};
  }
  Evaluation evaluate(const OnEvaluated&) override { return {}; }
  void save(const std::filesystem::path&) const override {}
  void load(const std::filesystem::path&) override {}

  double encoder_gradient = 12;
  std::vector<double> weights() const {
    return {decayed_.item(), exempt_.item(), encoder_decayed_.item(), encoder_exempt_.item()};
  }

 private:
  double loss_;
  Tensor decayed_, exempt_, encoder_decayed_, encoder_exempt_;
};

TrainConfig config() {
  TrainConfig out;
  out.schedule = optim::ScheduleKind::constant;
  out.groups = {{"model", {.learning_rate = 0.1, .weight_decay = 0.5, .clip = 0}},
                {"encoder", {.learning_rate = 0.01, .weight_decay = 0.25, .clip = 0}}};
  out.eps = 1;
  return out;
}

double updated(double rate, double decay, double gradient) {
  return 2.0 - rate * (decay * 2.0 + gradient / (gradient + 1.0));
}

void expect_weights(const ConstantGradients& task, const std::vector<double>& expected) {
  const auto weights = task.weights();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(weights[i], expected[i], 1e-14) << task.parameters()[i].name;
  }
}

TEST(Updater, TheEncoderHasItsOwnRateAndDecay) {
  ConstantGradients task;
  const TrainConfig train = config();
  const Update update = Updater(task, train).start(0).wait();
  expect_weights(task, {updated(0.1, 0.5, 3), updated(0.1, 0, 4), updated(0.01, 0.25, 5),
                        updated(0.01, 0, 12)});
  EXPECT_EQ(update.learning_rate, 0.1) << "the model's";
  EXPECT_EQ(update.loss, 1.0);
  EXPECT_EQ(update.samples, 1);
  ASSERT_EQ(update.terms.size(), 2u);
  EXPECT_EQ(update.terms[0], std::pair(std::string("task"), std::optional(1.0)));
  EXPECT_EQ(update.terms[1], std::pair(std::string("none"), std::optional<double>()));
}

TEST(Updater, WithoutARateOfItsOwnTheEncoderHasTheModels) {
  ConstantGradients task;
  TrainConfig train = config();
  train.groups.at("encoder").learning_rate = -1;
  Updater(task, train).start(0).wait();
  expect_weights(
      task, {updated(0.1, 0.5, 3), updated(0.1, 0, 4), updated(0.1, 0.25, 5), updated(0.1, 0, 12)});
}

TEST(Updater, EachGroupIsClippedByItsOwnNorm) {
  // Norms 5 and 13 before clipping.
  const double clips[][2] = {{0.5, 0}, {0, 1.3}, {0.5, 1.3}, {5.1, 13.1}};
  for (const auto& [clip, encoder_clip] : clips) {
    SCOPED_TRACE(testing::Message() << clip << " and " << encoder_clip);
    ConstantGradients task;
    TrainConfig train = config();
    train.groups.at("model").clip = clip;
    train.groups.at("encoder").clip = encoder_clip;
    const Update update = Updater(task, train).start(0).wait();
    ASSERT_EQ(update.norms.size(), 2u);
    EXPECT_EQ(update.norms[0].first, "model");
    EXPECT_NEAR(update.norms[0].second, 5, 1e-14);
    EXPECT_EQ(update.norms[1].first, "encoder");
    EXPECT_NEAR(update.norms[1].second, 13, 1e-14);
    const double factor = clip == 0.5 ? 0.5 / (5 + 1e-6) : 1,
                 encoder_factor = encoder_clip == 1.3 ? 1.3 / (13 + 1e-6) : 1;
    expect_weights(
        task, {updated(0.1, 0.5, 3 * factor), updated(0.1, 0, 4 * factor),
               updated(0.01, 0.25, 5 * encoder_factor), updated(0.01, 0, 12 * encoder_factor)});
  }
}

TEST(Updater, BothGroupsFollowTheSchedule) {
  ConstantGradients task;
  TrainConfig train = config();
  train.schedule = optim::ScheduleKind::linear;
  train.warmup_steps = 2;
  train.warmup_from = 0.002;
  train.steps = 10;
  Updater updater(task, train);
  EXPECT_EQ(updater.start(0).wait().learning_rate, 0.002);
  expect_weights(task, {updated(0.002, 0.5, 3), updated(0.002, 0, 4), updated(0.002, 0.25, 5),
                        updated(0.002, 0, 12)});
  EXPECT_NEAR(updater.start(1).wait().learning_rate, 0.051, 1e-15);
}

TEST(Updater, AGradientThatIsNotFiniteUpdatesNothingThoughTheLossIs) {
  const TrainConfig train = config();
  ConstantGradients task;
  task.encoder_gradient = std::numeric_limits<double>::quiet_NaN();
  const Update update = Updater(task, train).start(0).wait();
  EXPECT_TRUE(std::isfinite(update.loss));
  EXPECT_FALSE(update.finite);
  EXPECT_EQ(task.weights(), std::vector<double>(4, 2.0));
}

TEST(Updater, AfterWhatIsNotFiniteNothingIsUpdatedAnyMore) {
  const TrainConfig train = config();
  ConstantGradients task;
  Updater updater(task, train);
  task.encoder_gradient = std::numeric_limits<double>::infinity();
  EXPECT_FALSE(updater.start(0).wait().finite);
  task.encoder_gradient = 12;
  updater.start(1);
  EXPECT_EQ(task.weights(), std::vector<double>(4, 2.0));
}

TEST(Updater, AllowsTf32WhereItIsAskedFor) {
  for (const Precision precision : {Precision::tf32, Precision::fp32}) {
    ConstantGradients task;
    TrainConfig train = config();
    train.precision = precision;
    const Updater updater(task, train);
    EXPECT_EQ(kernels::tf32_allowed(), precision == Precision::tf32);
  }
}

TEST(Updater, AGroupNeedsOptions) {
  ConstantGradients task;
  TrainConfig train = config();
  train.groups.erase("encoder");
  test::expect_error<Error>([&] { Updater(task, train).start(0).wait(); },
                            "[train] there are no options of a parameter group 'encoder'.");
}

TEST(Updater, WhatIsNotFiniteUpdatesNothing) {
  ConstantGradients task(std::numeric_limits<double>::quiet_NaN());
  const TrainConfig train = config();
  EXPECT_FALSE(Updater(task, train).start(0).wait().finite);
  expect_weights(task, {2, 2, 2, 2});
}

}  // namespace
}  // namespace seqpe::train

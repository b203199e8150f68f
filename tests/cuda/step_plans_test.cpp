// Steps played from a recording are those told kernel by kernel, bit for bit.
#include "engine/train/step_plans.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/core/allocator.h"
#include "engine/data/generated_dataset.h"
#include "engine/ops/cross_entropy.h"
#include "engine/ops/loss.h"
#include "engine/train/updater.h"
#include "models/tasks/image_task.h"
#include "models/tasks/lm_task.h"
#include "tests/support/expect_error.h"
#include "tests/support/tensor_compare.h"
#include "tests/support/tiny_image_classifier.h"
#include "tests/support/tiny_language_model.h"

namespace seqpe {
namespace {

struct Training {
  std::vector<train::Update> updates;
  std::vector<std::pair<std::string, Tensor>> weights;
};

Training train_6_steps(const models::TaskModel& model, train::Objective& objective, bool graphs) {
  train::Updater updater(objective, model.config().train);
  Training out;
  for (std::int64_t step = 0; step < 6; ++step) {
    out.updates.push_back(updater.start(step).wait());
    EXPECT_LE(kernels::recordings(), graphs ? 2 : 0);
  }
  EXPECT_EQ(kernels::recordings() > 0, graphs);
  for (const auto& parameter : model.parameters())
    out.weights.emplace_back(parameter.name, parameter.value.to(Device::cpu));
  return out;
}

std::vector<std::string> with_graphs(std::vector<std::string> settings, bool graphs) {
  settings.emplace_back(graphs ? "train.cuda_graphs=true" : "train.cuda_graphs=false");
  return settings;
}

Training train_on_text(const std::vector<std::string>& settings, bool graphs) {
  const auto model = test::tiny_language_model(with_graphs(settings, graphs), DType::f32);
  model.move_to(Device::cuda);
  models::LmTask task(model);
  return train_6_steps(model, task, graphs);
}

Training train_on_images(const std::vector<std::string>& settings, bool graphs) {
  const auto model = test::tiny_image_classifier(with_graphs(settings, graphs), DType::f32);
  model.move_to(Device::cuda);
  const std::shared_ptr<const data::ImageDataset> images =
      data::generated_dataset(data::Split::train, 32, 16);
  models::ImageTask task(model, images, images);
  return train_6_steps(model, task, graphs);
}

void expect_same(const Training& played, const Training& told) {
  for (std::size_t step = 0; step < told.updates.size(); ++step) {
    const train::Update &a = told.updates[step], &b = played.updates[step];
    EXPECT_EQ(a.loss, b.loss) << step;
    EXPECT_EQ(a.terms, b.terms) << step;
    EXPECT_EQ(a.norms, b.norms) << step;
    if (step > 0) {
      EXPECT_NE(a.loss, told.updates[step - 1].loss) << "steps differ";
    }
  }
  for (std::size_t p = 0; p < told.weights.size(); ++p)
    test::expect_same(played.weights[p].second, told.weights[p].second);
}

TEST(StepPlans, PlayedStepsAreTheStepsBitForBit) {
  // Everything that differs from step to step: text, positions, masks, weights of the losses,
  // rates; and labels that do not count, at the ends of lines' chunks.
  const std::vector<std::string> kinds[] = {
      {"seqpe.shift.rate=0.5", "train.micro_batch_size=2"},
      {"seqpe.shift.rate=0", "train.precision=bf16", "seqpe.encoder.layers=2"},
      {"model.position=learned"}};
  for (std::vector<std::string> settings : kinds) {
    SCOPED_TRACE(settings[0]);
    settings.insert(settings.end(),
                    {"model.dropout.residual=0.2", "model.dropout.attention=0.2",
                     "model.dropout.embedding=0.2", "seqpe.loss_warmup_steps=5",
                     "train.warmup_steps=4", "train.steps=6", "train.learning_rate=0.01"});
    expect_same(train_on_text(settings, true), train_on_text(settings, false));
  }
}

// Bytes, windows, flips, erased boxes with their noise, and mixes differ too.
TEST(StepPlans, PlayedStepsOnImagesAreTheStepsBitForBit) {
  const std::vector<std::string> settings{"model.position=learned",
                                          "model.layers=1",
                                          "data.augment.randaugment.operations=0",
                                          "data.augment.color_jitter=0",
                                          "data.augment.erasing=1",
                                          "train.micro_batch_size=2",
                                          "train.steps=6",
                                          "train.learning_rate=0.01"};
  expect_same(train_on_images(settings, true), train_on_images(settings, false));
}

TEST(StepPlans, LabelsThatTheHostDoesNotSeeNeedADivisor) {
  const Tensor logits = Tensor::zeros({2, 3}, DType::f32, Device::cuda),
               labels = Tensor::zeros({2}, DType::i64, Device::cuda);
  test::expect_error(
      [&] { ops::cross_entropy(logits, labels); },
      "[cross_entropy] labels on cuda need a divisor: the host does not count them.");
  EXPECT_NEAR(ops::cross_entropy(logits, labels, 0.0, 4.0).loss.item(), std::log(3.0) / 2, 1e-6);
}

TEST(StepPlans, AResultStaysUntilTheNextStepLikeIt) {
  train::StepPlans plans(Device::cuda, true);
  const auto twice = [](const train::StepInputs& inputs) {
    return train::StepResult{{.loss = ops::weighted_sum({{inputs.at("x"), 2.0}})}, {}};
  };
  const auto run = [&](double value, std::int64_t size) {
    train::StepInputs inputs;
    inputs.add("x", value);
    inputs.set_size("n", size);
    return plans.run(inputs, twice).terms.loss.item();
  };
  for (const double value : {1.0, 2.0, 3.0, 4.0}) {
    EXPECT_EQ(run(value, 1), 2 * value);
    EXPECT_EQ(run(-value, 2), -2 * value);
  }
  EXPECT_EQ(kernels::recordings(), 2) << "one a size";
}

TEST(StepPlans, AStepThatFailsToBeRecordedIsTriedAgain) {
  train::StepPlans plans(Device::cuda, true);
  bool fails = false;
  const auto work = [&](const train::StepInputs& inputs) {
    if (fails) throw Error("broken");
    return train::StepResult{{.loss = ops::weighted_sum({{inputs.at("x"), 2.0}})}, {}};
  };
  const auto run = [&](double value) {
    train::StepInputs inputs;
    inputs.add("x", value);
    return plans.run(inputs, work).terms.loss.item();
  };
  EXPECT_EQ(run(1), 2);
  fails = true;
  EXPECT_THROW(run(2), Error);
  fails = false;
  EXPECT_EQ(run(3), 6);
  EXPECT_EQ(run(4), 8);
  EXPECT_EQ(kernels::recordings(), 1);
}

TEST(StepPlans, AStepThatTheDeviceCannotRecordIsTold) {
  train::StepPlans plans(Device::cuda, true);
  const auto work = [&](const train::StepInputs& inputs) {
    if (kernels::is_recording()) throw DeviceError("[cuda] no graph today.");
    return train::StepResult{{.loss = ops::weighted_sum({{inputs.at("x"), 2.0}})}, {}};
  };
  std::vector<std::string> warnings;
  const auto run = [&](double value) {
    train::StepInputs inputs;
    inputs.add("x", value);
    testing::internal::CaptureStderr();
    const double loss = plans.run(inputs, work).terms.loss.item();
    warnings.push_back(testing::internal::GetCapturedStderr());
    return loss;
  };
  for (const double value : {1.0, 2.0, 3.0}) EXPECT_EQ(run(value), 2 * value);
  EXPECT_NE(
      warnings[1].find("told kernel by kernel, none could be recorded: [cuda] no graph today."),
      std::string::npos)
      << warnings[1];
  EXPECT_EQ(warnings[0] + warnings[2], "") << "once";
}

// Told steps and recordings of both kinds use the same memory in turn.
TEST(StepPlans, RecordedStepsTakeLittleMoreMemoryThanToldOnes) {
  const auto reserved = [](bool graphs) {
    Allocator& memory = allocator(Device::cuda);
    memory.release_cached();
    const std::size_t before = memory.stats().reserved;
    const auto model = test::tiny_language_model(
        {"model.width=32", "data.block_size=16", "train.batch_size=4", "seqpe.shift.rate=0.5",
         graphs ? "train.cuda_graphs=true" : "train.cuda_graphs=false"},
        DType::f32);
    model.move_to(Device::cuda);
    models::LmTask task(model);
    train::Updater updater(task, model.config().train);
    for (std::int64_t step = 0; step < 8; ++step) updater.start(step).wait();
    EXPECT_EQ(kernels::recordings(), graphs ? 2 : 0);
    return static_cast<double>(memory.stats().reserved - before);
  };
  EXPECT_LT(reserved(true), 1.2 * reserved(false));
}

// Head sizes and lengths for which the engine's tensor-core and short kernels are made.
TEST(StepPlans, PlayTheKernelsOfTensorCores) {
  const auto losses = [](bool graphs) {
    const auto model = test::tiny_language_model(
        {"model.width=64", "seqpe.encoder.width=16", "seqpe.encoder.layers=2", "data.block_size=64",
         "train.batch_size=1", "seqpe.shift.rate=0", "train.precision=bf16",
         "model.dropout.attention=0.2", "seqpe.encoder.dropout.attention=0.2",
         graphs ? "train.cuda_graphs=true" : "train.cuda_graphs=false"},
        DType::f32);
    model.move_to(Device::cuda);
    models::LmTask task(model);
    train::Updater updater(task, model.config().train);
    std::vector<double> found;
    for (std::int64_t step = 0; step < 3; ++step) found.push_back(updater.start(step).wait().loss);
    return found;
  };
  EXPECT_EQ(losses(true), losses(false));
}

}  // namespace
}  // namespace seqpe

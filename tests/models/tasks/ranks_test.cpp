// Training on several ranks is training on one: the same losses, gradient norms and weights, to
// rounding, or bit for bit in deterministic steps.
#include <gtest/gtest.h>

#include "engine/data/generated_dataset.h"
#include "engine/train/updater.h"
#include "models/tasks/image_task.h"
#include "models/tasks/lm_task.h"
#include "tests/support/expect_error.h"
#include "tests/support/tensor_compare.h"
#include "tests/support/thread_ranks.h"
#include "tests/support/tiny_image_classifier.h"
#include "tests/support/tiny_language_model.h"

namespace seqpe::models {
namespace {

/// What came of some steps.
struct Trained {
  std::vector<double> told;     // of each step: the loss, its terms, the norms
  std::vector<double> weights;  // at the end
  std::int64_t samples = 0;
};

constexpr std::int64_t kSteps = 3;

Trained train(train::Objective& task, const Config& config, dist::ProcessGroup& ranks) {
  Trained out;
  train::Updater updater(task, config.train, ranks, config.dist);
  for (std::int64_t step = 0; step < kSteps; ++step) {
    const train::Update update = updater.start(step).wait();
    out.told.push_back(update.loss);
    for (const auto& [name, value] : update.terms) out.told.push_back(value.value_or(-1));
    for (const auto& [name, norm] : update.norms) out.told.push_back(norm);
    out.samples += update.samples;
  }
  for (const nn::Parameter& parameter : task.parameters()) {
    for (const double value : test::elements<double>(parameter.value.to(DType::f64)))
      out.weights.push_back(value);
  }
  return out;
}

const std::vector<std::string> kSettings{"train.batch_size=8",
                                         "train.learning_rate=1e-2",
                                         "seqpe.shift.rate=0.5",
                                         "seqpe.shift.blocks=4",
                                         "seqpe.contrastive.pivots=4",
                                         "seqpe.transfer.starts=4",
                                         "seqpe.encoder.dropout.residual=0.3",
                                         "seqpe.encoder.dropout.attention=0.2"};

std::vector<std::string> joined(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Trained train_text(const std::vector<std::string>& settings, DType dtype,
                   dist::ProcessGroup& ranks) {
  const LanguageModel model = test::tiny_language_model(
      joined(joined(kSettings, {"model.dropout.residual=0.2", "model.dropout.attention=0.1"}),
             settings),
      dtype);
  LmTask task(model, ranks);
  return train(task, model.config(), ranks);
}

Trained train_images(const std::vector<std::string>& settings, DType dtype,
                     dist::ProcessGroup& ranks) {
  const ImageClassifier model = test::tiny_image_classifier(
      joined(joined(kSettings, {"model.drop_path=0.2", "data.augment.mixup=0.8", "data.workers=0"}),
             settings),
      dtype);
  ImageTask task(model, data::generated_dataset(data::Split::train, 64, 16),
                 data::generated_dataset(data::Split::test, 8, 16), ranks);
  return train(task, model.config(), ranks);
}

using TrainIt = Trained (*)(const std::vector<std::string>&, DType, dist::ProcessGroup&);

void expect_near(const std::vector<double>& found, const std::vector<double>& expected,
                 double bound) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], bound * (1 + std::abs(expected[i]))) << i;
}

void expect_as_one(TrainIt train_it, const std::vector<std::string>& settings) {
  const Trained one = train_it(settings, DType::f64, dist::single_process());
  for (const int size : {2, 4}) {
    SCOPED_TRACE(size);
    test::as_ranks(size, [&](dist::ProcessGroup& ranks) {
      const Trained found = train_it(settings, DType::f64, ranks);
      expect_near(found.told, one.told, 1e-10);
      expect_near(found.weights, one.weights, 1e-8);  // AdamW divides by small gradients
      EXPECT_EQ(found.samples, one.samples);
    });
  }
}

TEST(Ranks, ALanguageModelIsTrainedAsByOne) {
  for (const std::vector<std::string>& settings :
       std::vector<std::vector<std::string>>{{},
                                             {"seqpe.apply=attn_add"},
                                             {"dist.bucket_mb=0.001", "train.micro_batch_size=1"},
                                             {"dist.zero=1", "dist.bucket_mb=0.001"},
                                             {"model.position=learned"}}) {
    SCOPED_TRACE(settings.empty() ? "defaults" : settings[0]);
    expect_as_one(train_text, settings);
  }
}

// Three ranks divide no bucket: what they leave over is updated by all, and counted once.
TEST(Ranks, MomentsAreSharedWithElementsLeftOver) {
  const std::vector<std::string> three{"train.batch_size=6", "seqpe.contrastive.pivots=3",
                                       "seqpe.transfer.starts=3", "seqpe.shift.blocks=3"};
  const Trained one = train_text(three, DType::f64, dist::single_process());
  for (const char* setting : {"dist.zero=0", "dist.zero=1"}) {
    SCOPED_TRACE(setting);
    test::as_ranks(3, [&](dist::ProcessGroup& ranks) {
      const Trained found =
          train_text(joined(three, {setting, "dist.bucket_mb=0.001"}), DType::f64, ranks);
      expect_near(found.told, one.told, 1e-10);
      expect_near(found.weights, one.weights, 1e-8);
    });
  }
}

TEST(Ranks, AnImageClassifierIsTrainedAsByOne) {
  expect_as_one(train_images, {});
  expect_as_one(train_images, {"train.micro_batch_size=2", "dist.bucket_mb=0.001"});
}

TEST(Ranks, DeterministicStepsGiveTheSameBits) {
  for (const TrainIt train_it : {train_text, train_images}) {
    const std::vector<std::string> plain{"dist.deterministic=true", "dist.shards=4"},
        zero = joined(plain, {"dist.zero=1", "dist.bucket_mb=0.001"});
    const Trained one = train_it(plain, DType::f32, dist::single_process());
    struct Case {
      std::vector<std::string> settings;
      int size;
    };
    for (const Case& c : {Case{plain, 2}, Case{plain, 4}, Case{zero, 4}}) {
      SCOPED_TRACE(fmt::format("{}, {} ranks", c.settings.back(), c.size));
      test::as_ranks(c.size, [&](dist::ProcessGroup& ranks) {
        const Trained found = train_it(c.settings, DType::f32, ranks);
        EXPECT_EQ(found.told, one.told);
        EXPECT_EQ(found.weights, one.weights);
      });
    }
  }
}

TEST(Ranks, AnEvaluationIsThatOfOne) {
  const LanguageModel model = test::tiny_language_model(
      {"data.valid_path=builtin:tale_of_two_cities_valid.txt", "eval.max_lines=60",
       "train.batch_size=6", "seqpe.contrastive.pivots=3", "seqpe.transfer.starts=3"});
  const auto loss = [&](dist::ProcessGroup& ranks) {
    return LmTask(model, ranks).evaluate({}).loss.value();
  };
  const double alone = loss(dist::single_process());
  test::as_ranks(3, [&](dist::ProcessGroup& ranks) { EXPECT_EQ(loss(ranks), alone); });
}

TEST(Ranks, PositionsThatTheyCannotShareAreRefused) {
  const LanguageModel model = test::tiny_language_model({"seqpe.contrastive.pivots=3"});
  test::as_ranks(2, [&](dist::ProcessGroup& ranks) {
    test::expect_error<ConfigError>(
        [&] { LmTask(model, ranks); },
        "[config] the number of processes must divide seqpe.contrastive.pivots, got 2 processes "
        "and 3. Hint: --set seqpe.contrastive.pivots=4.");
  });
}

}  // namespace
}  // namespace seqpe::models

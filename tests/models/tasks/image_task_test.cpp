// The image task: what a step is trained on, what an evaluation tells, which images are opened.
#include "models/tasks/image_task.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "engine/data/generated_dataset.h"
#include "engine/data/image_cache.h"
#include "models/tasks/image_files.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_image_classifier.h"
#include "tests/support/tiny_images.h"

namespace seqpe::models {
namespace {

constexpr std::int64_t kBatch = 4, kClasses = 8;

/// Images that are trained on as they are, with labels that are not smoothed.
const std::vector<std::string> kPlain{"model.position=none",
                                      "data.augment.mixup=0",
                                      "data.augment.cutmix=0",
                                      "data.augment.label_smoothing=0",
                                      "data.augment.pad=0",
                                      "data.augment.flip=0",
                                      "data.augment.erasing=0",
                                      "data.workers=0",
                                      "data.augment.randaugment.operations=0"};

ImageClassifier model_with(std::vector<std::string> more) {
  more.insert(more.begin(), kPlain.begin(), kPlain.end());
  return test::tiny_image_classifier(more, DType::f32);
}

std::shared_ptr<const data::ImageDataset> shapes(data::Split split, std::int64_t count = 64) {
  return data::generated_dataset(split, count, 16);
}

/// The inputs of a step of a training with these settings.
train::StepInputs inputs_of(const std::vector<std::string>& settings, std::int64_t step) {
  const ImageClassifier model = model_with(settings);
  return ImageTask(model, shapes(data::Split::train), shapes(data::Split::test)).draw(step);
}

std::vector<float> targets_of(const std::vector<std::string>& settings, std::int64_t step) {
  const auto targets = inputs_of(settings, step).at("targets").span<float>();
  return {targets.begin(), targets.end()};
}

TEST(ImageTask, AStepHasTheTargetsOfItsImages) {
  // Told by their pixels, for nothing was changed about them.
  const auto images = shapes(data::Split::train);
  const train::StepInputs inputs = inputs_of({}, 3);
  const auto pixels = inputs.at("pixels").span<std::uint8_t>();
  const auto targets = inputs.at("targets").span<float>();
  ASSERT_EQ(targets.size(), static_cast<std::size_t>(kBatch * kClasses));
  for (std::int64_t b = 0; b < kBatch; ++b) {
    const auto begin = pixels.begin() + b * 16 * 16 * 3;
    std::int64_t label = -1;
    for (std::int64_t i = 0; i < images->count(); ++i) {
      const data::Image image = images->image(i);
      if (std::equal(image.pixels.begin(), image.pixels.end(), begin)) label = images->label(i);
    }
    ASSERT_GE(label, 0) << "an image of the training split";
    for (std::int64_t c = 0; c < kClasses; ++c)
      EXPECT_EQ(targets[static_cast<std::size_t>(b * kClasses + c)], c == label ? 1.0F : 0.0F);
  }
}

TEST(ImageTask, LabelsAreSmoothedAsToldByTheConfiguration) {
  const auto plain = targets_of({}, 0);
  const auto smooth = targets_of({"data.augment.label_smoothing=0.4"}, 0);
  for (std::size_t i = 0; i < plain.size(); ++i)
    EXPECT_FLOAT_EQ(smooth[i], plain[i] == 1.0F ? 0.65F : 0.05F);  // 0.4 of 8 classes
}

TEST(ImageTask, BatchesAreMixedAsToldByTheConfiguration) {
  std::int64_t mixed_steps = 0;
  for (std::int64_t step = 0; step < 4; ++step) {
    const auto plain = targets_of({}, step);
    const train::StepInputs inputs = inputs_of({"data.augment.mixup=0.8"}, step);
    kernels::ImageMix mix;
    std::memcpy(&mix, inputs.at("mix").data(), sizeof mix);
    mixed_steps += mix.partner_share > 0;
    const auto mixed = inputs.at("targets").span<float>();
    for (std::int64_t b = 0; b < kBatch; ++b) {
      for (std::int64_t c = 0; c < kClasses; ++c) {
        const auto own = static_cast<std::size_t>(b * kClasses + c),
                   partner = static_cast<std::size_t>((b ^ 1) * kClasses + c);
        EXPECT_NEAR(mixed[own], mix.own_share * plain[own] + mix.partner_share * plain[partner],
                    1e-6);
      }
    }
  }
  EXPECT_GT(mixed_steps, 2);
}

TEST(ImageTask, TheLossOfAnEvaluationIsTheShareThatIsNotFirst) {
  // Of 64 images each class has 8. The model answers the same, whatever it sees.
  const ImageClassifier model = model_with({"eval.sizes=[36,16]"});
  model.vit().parameter("head.weight").fill(0.0);
  const Tensor bias = model.vit().parameter("head.bias");
  for (std::int64_t c = 0; c < kClasses; ++c) bias.data_as<float>()[c] = static_cast<float>(c);
  ImageTask task(model, shapes(data::Split::train, 16), shapes(data::Split::test));
  EXPECT_FALSE(task.evaluated().has_value());
  const train::Evaluation evaluation = task.evaluate({});
  EXPECT_DOUBLE_EQ(evaluation.loss.value(), 7 / 8.0);
  ASSERT_EQ(evaluation.rows.size(), 1U);
  EXPECT_EQ(std::get<std::int64_t>(evaluation.rows[0][0].second), 36) << "the first size";
  ASSERT_TRUE(task.evaluated().has_value());
  EXPECT_EQ(task.evaluated()->images, 64) << "those of validation";
  EXPECT_DOUBLE_EQ(task.evaluated()->top5, 5 / 8.0);
  task.draw(0);
  EXPECT_FALSE(task.evaluated().has_value()) << "a step changes the weights";
}

TEST(ImageTask, ACheckpointIsOfTheSameClasses) {
  const test::TemporaryDirectory folder;
  const ImageClassifier model = model_with({});
  ImageTask task(model, shapes(data::Split::train), shapes(data::Split::test));
  task.save(folder.path());
  task.load(folder.path());
  ImageTask other(model, test::numbered_images(8, 16, 8), shapes(data::Split::test));
  test::expect_error_with<DataError>(
      [&] { other.load(folder.path()); },
      "class 0 is 'right' in " + (folder / "config.json").string() + " and 'class 0' in the data");
}

Config config_with(const std::vector<std::string>& more) {
  return load_model_config({}, test::tiny_image_settings(more));
}

TEST(OpenImages, BuiltInShapes) {
  const Config config = config_with({});
  const auto training = open_images(config, data::Split::train);
  EXPECT_EQ(training->kind(), "generated shapes");
  EXPECT_EQ(training->split(), "train");
  EXPECT_EQ(training->count(), 16384);
  EXPECT_EQ(training->image(0).height, 16) << "model.image";
  const auto validation = open_images(config, data::Split::test);
  EXPECT_EQ(validation->split(), "test");
  EXPECT_EQ(validation->count(), 1024);
}

TEST(OpenImages, ThePathServesBothSplitsUnlessAnotherIsNamed) {
  const test::TemporaryDirectory folder;
  const std::string first = (folder / "first").string(), second = (folder / "second").string();
  data::write_image_cache(*test::numbered_images(3, 16, 2), first, {});
  data::write_image_cache(*test::numbered_images(5, 16, 2), second, {});
  const auto count = [&](const std::vector<std::string>& more, data::Split split) {
    std::vector<std::string> settings{"data.path=" + first};
    settings.insert(settings.end(), more.begin(), more.end());
    return open_images(config_with(settings), split)->count();
  };
  EXPECT_EQ(count({}, data::Split::train), 3);
  EXPECT_EQ(count({}, data::Split::test), 3);
  EXPECT_EQ(count({"data.valid_path=" + second}, data::Split::train), 3);
  EXPECT_EQ(count({"data.valid_path=" + second}, data::Split::test), 5);
  EXPECT_EQ(count({"data.valid_path=builtin:shapes"}, data::Split::test), 1024);
}

TEST(OpenImages, BadImagesAreTreatedAsTheConfigurationTells) {
  const test::TemporaryDirectory folder;
  test::write_below(folder, "a/0.png", "text");
  test::write_below(folder, "a/1.png", test::gray_png(16, 16, 5));
  const auto open = [&](const std::string& rule) {
    return open_images(
        config_with({"data.path=" + folder.path().string(), "data.bad_image=" + rule}),
        data::Split::train);
  };
  EXPECT_EQ(open("refuse")->count(), 2);
  testing::internal::CaptureStderr();
  EXPECT_EQ(open("skip")->count(), 1);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("skipped 1 bad image"), std::string::npos);
}

TEST(OpenImages, APathIsNeeded) {
  test::expect_error<ConfigError>(
      [] { open_images(config_with({"data.path=\"\""}), data::Split::train); },
      "[config] data.path must name the training images, it is empty.");
}

TEST(WithClasses, TakesThoseOfTheData) {
  const auto images = test::numbered_images(3, 16, 3);
  EXPECT_EQ(with_classes(config_with({"model.classes=auto"}), *images).model.classes, 3);
  EXPECT_EQ(with_classes(config_with({"model.classes=3"}), *images).model.classes, 3);
  test::expect_error<ConfigError>([&] { with_classes(config_with({"model.classes=4"}), *images); },
                                  "[config] model.classes must be the 3 of the data, got 4.");
}

}  // namespace
}  // namespace seqpe::models

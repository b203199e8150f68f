#include "models/tasks/image_checks.h"

#include <gtest/gtest.h>

#include <utility>

#include "engine/data/image_cache.h"
#include "engine/data/images_in_memory.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_image_classifier.h"

namespace seqpe::models {
namespace {

using Names = std::vector<std::string>;

Config with(const std::vector<std::string>& more = {}) {
  return load_model_config({}, test::tiny_image_settings(more));
}

/// One image of side x side for each label.
std::unique_ptr<data::ImageDataset> images_of(const Names& classes,
                                              const std::vector<std::int64_t>& labels,
                                              data::Split split, std::int64_t side = 16) {
  data::LabeledImages images{side, side, {}, labels};
  images.pixels.resize(labels.size() * static_cast<std::size_t>(3 * side * side));
  return data::keep_in_memory(std::move(images), classes, "made up", split);
}

std::unique_ptr<data::ImageDataset> ants_and_bees(data::Split split, std::int64_t side = 16) {
  return images_of({"ant", "bee"}, {0, 1}, split, side);
}

std::string warnings_of(const std::function<void()>& work) {
  testing::internal::CaptureStderr();
  work();
  return testing::internal::GetCapturedStderr();
}

std::string warnings_of(const Config& config, const data::ImageDataset& training,
                        const data::ImageDataset& validation) {
  return warnings_of([&] { check_images(config, training, validation); });
}

TEST(ImageChecks, WhatFitsIsPassedInSilence) {
  EXPECT_EQ(
      warnings_of(with(), *ants_and_bees(data::Split::train), *ants_and_bees(data::Split::test)),
      "");
}

TEST(ImageChecks, ValidationHasTheClassesOfTheTraining) {
  const auto training = ants_and_bees(data::Split::train);
  const auto check = [&](const Names& classes) {
    return [&, classes] {
      check_images(with(), *training, *images_of(classes, {0}, data::Split::test));
    };
  };
  const std::string rule =
      "[data] the validation images must have the classes of the training images, by their names: ";
  test::expect_error<DataError>(
      check({"bee", "cat"}),
      rule + "class 0 is 'ant' in the training images and 'bee' in the validation images.");
  test::expect_error<DataError>(
      check({"ant"}),
      rule + "class 1 is 'bee' in the training images and none in the validation images.");
}

TEST(ImageChecks, ImagesThatAreTakenAsTheyAreHaveTheirSize) {
  const auto training = ants_and_bees(data::Split::train);
  const auto check = [&](const std::string& sizes, std::int64_t side) {
    return [&, sizes, side] {
      check_images(with({"eval.sizes=" + sizes}), *training,
                   *ants_and_bees(data::Split::test, side));
    };
  };
  EXPECT_EQ(warnings_of(check("[16,40,48x36]", 16)), "");
  test::expect_error<DataError>(
      check("[16,24]", 16),
      "[data] eval.sizes 24: the validation images must have that size (they are resized at sizes "
      "above 32 only), the first has height 16 and width 16.");
  test::expect_error<DataError>(
      check("[16x32]", 16),
      "[data] eval.sizes 16x32: the validation images must have that size (they are resized at "
      "sizes above 32 only), the first has height 16 and width 16.");
  test::expect_error_with<DataError>(check("[]", 20), "[data] eval.sizes 16: ");
  EXPECT_EQ(warnings_of(check("[32x36]", 20)), "") << "one side above 32: resized";
}

TEST(ImageChecks, ClassesWithoutATrainingImageAreNamed) {
  Names names;
  for (char c = 'a'; c <= 'n'; ++c) names.emplace_back(1, c);
  const auto warning = [&](const Names& classes, const std::vector<std::int64_t>& labels) {
    return warnings_of(with(), *images_of(classes, labels, data::Split::train),
                       *images_of(classes, {0}, data::Split::test));
  };
  EXPECT_EQ(warning({"Bee", "ant", "bee"}, {1, 2, 1}),
            "seqpe_engine: warning: [data] 1 of 3 classes has no training image: 'Bee'.\n");
  EXPECT_EQ(warning(names, {2, 5}),
            "seqpe_engine: warning: [data] 12 of 14 classes have no training image: 'a', 'b', 'd', "
            "'e', 'g', 'h', 'i', 'j', 'k', 'l' and 2 more.\n");
}

TEST(ImageChecks, ValidationOnTheTrainingImagesIsTold) {
  const test::TemporaryDirectory folder;
  const auto cache = [&](data::Split split) {
    data::write_image_cache(*ants_and_bees(split), folder / "cache", {});
    return data::open_image_cache(folder / "cache");
  };
  const auto warning = [](const std::string& valid_path, const data::ImageDataset& images) {
    const Config config = with({"data.path=P", "data.valid_path=" + valid_path});
    return warnings_of([&] { warn_of_seen_images(config, images); });
  };
  const std::string one_split =
      "seqpe_engine: warning: [data] P has one split: the validation images are the training "
      "images. Hint: data.valid_path names others.\n";
  for (const data::Split split : {data::Split::train, data::Split::test}) {
    const auto images = cache(split);
    EXPECT_EQ(warning("", *images), one_split);
    EXPECT_EQ(warning("P", *images), one_split);
  }
  EXPECT_EQ(warning("V", *cache(data::Split::train)),
            "seqpe_engine: warning: [data] data.valid_path V holds training images, by its split "
            "`train`.\n");
  EXPECT_EQ(warning("V", *cache(data::Split::test)), "");
  EXPECT_EQ(warning("", *ants_and_bees(data::Split::test)), "");
}

TEST(ImageChecks, ImagesThatWereScaledDownTooFarAreTold) {
  const test::TemporaryDirectory folder;
  const auto warning = [&](std::int64_t shorter_side) {
    data::write_image_cache(*ants_and_bees(data::Split::train), folder / "cache",
                            {.shorter_side = shorter_side});
    return warnings_of(with(), *data::open_image_cache(folder / "cache"),
                       *ants_and_bees(data::Split::test));
  };
  EXPECT_EQ(warning(0), "");
  EXPECT_EQ(warning(16), "");
  EXPECT_EQ(warning(12),
            "seqpe_engine: warning: [data] the training images were scaled down to a shorter side "
            "of 12, model.image 16 enlarges them. Hint: `data prepare` with a longer "
            "--shorter-side.\n");
}

}  // namespace
}  // namespace seqpe::models

#include "models/tasks/image_files.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/io/file.h"

#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tensor_compare.h"
#include "tests/support/tiny_image_classifier.h"

namespace seqpe::models {
namespace {

const std::vector<std::string> kNames{"a", "b", "c", "d", "e", "f", "g", "h"};

TEST(ImageFiles, WhatIsWrittenIsReadBack) {
  const test::TemporaryDirectory folder;
  const ImageClassifier model = test::tiny_image_classifier({}, DType::f32);
  save_image_classifier(model, kNames, folder.path());
  const auto read = open_image_classifier({folder.path(), {}}, {});
  const auto theirs = read->parameters(), ours = model.parameters();
  ASSERT_EQ(theirs.size(), ours.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_EQ(theirs[i].name, ours[i].name);
    test::expect_same(theirs[i].value, ours[i].value);
  }
  const auto told = nlohmann::json::parse(io::read_text(folder / "config.json"));
  EXPECT_EQ(told.at("layers"), 2);
  EXPECT_EQ(told.at("classes"), 8);
  EXPECT_EQ(told.at("position"), "seqpe");
  EXPECT_EQ(told.at("label_names"), kNames);
  EXPECT_EQ(told.at("dropout").at("residual"), 0.0);
  EXPECT_NO_THROW(check_same_configuration(model, folder.path()));
  EXPECT_THROW(
      check_same_configuration(test::tiny_image_classifier({"model.layers=3"}), folder.path()),
      CheckpointError);
}

TEST(ImageFiles, RefusesWhatDoesNotFit) {
  const test::TemporaryDirectory folder;
  save_image_classifier(test::tiny_image_classifier({}, DType::f32), kNames, folder.path());
  const auto open = [&](const std::string& setting) {
    return [&, setting] { open_image_classifier({folder.path(), {}}, {setting}); };
  };
  const std::string file = (folder / "model.safetensors").string();
  test::expect_error<CheckpointError>(
      open("model.classes=100000"),
      "[checkpoint] " + file +
          ": 'head.weight' must have extent 100000 in dimension 0 (model.classes), it is [8, 8].");
  test::expect_error<CheckpointError>(
      open("model.layers=1000"),
      "[checkpoint] " + file + " must hold 1000 layers (model.layers), it holds 2.");
}

TEST(ImageFiles, HoldsTheClassesAgainstThoseOfTheData) {
  const test::TemporaryDirectory folder;
  const std::string file = (folder / "config.json").string();
  check_same_classes(kNames, folder.path());  // no names there
  io::write_file_atomic(file, "{}");
  check_same_classes(kNames, folder.path());
  save_image_classifier(test::tiny_image_classifier({}, DType::f32), kNames, folder.path());
  check_same_classes(kNames, folder.path());
  const auto check = [&](const std::vector<std::string>& classes) {
    return [&, classes] { check_same_classes(classes, folder.path()); };
  };
  const std::string rule =
      "[data] the images must have the classes of the model, by their names: class ";
  test::expect_error<DataError>(check({"a", "c", "b", "d", "e", "f", "g", "h"}),
                                rule + "1 is 'b' in " + file + " and 'c' in the data.");
  test::expect_error<DataError>(check({"a", "b"}),
                                rule + "2 is 'c' in " + file + " and none in the data.");
  EXPECT_EQ(other_class({"a", "b"}, folder.path()),
            "class 2 is 'c' in " + file + " and none in the data");
  // Names of files may hold bytes that are no UTF-8.
  const std::vector<std::string> latin{"caf\xe9", "b", "c", "d", "e", "f", "g", "h"};
  save_image_classifier(test::tiny_image_classifier({}, DType::f32), latin, folder.path());
  check_same_classes(latin, folder.path());
  EXPECT_THROW(check_same_classes(kNames, folder.path()), DataError);
  io::write_file_atomic(file, R"({"label_names": 3})");
  test::expect_error<CheckpointError>(
      check(kNames), "[checkpoint] " + file + ": type must be array, but is number.");
}

}  // namespace
}  // namespace seqpe::models

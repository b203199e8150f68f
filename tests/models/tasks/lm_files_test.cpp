// A language model's files: what is written is read back, what does not fit is refused by name.
#include "models/tasks/lm_files.h"

#include <gtest/gtest.h>

#include "models/tasks/model_files.h"
#include "tests/support/bpe_files.h"
#include "tests/support/expect_error.h"
#include "tests/support/tensor_compare.h"
#include "tests/support/tiny_language_model.h"

namespace seqpe::models {
namespace {

namespace fs = std::filesystem;
using test::TemporaryDirectory;
using test::tiny_language_model;

LanguageModel saved_model(const fs::path& directory,
                          const std::vector<std::string>& settings = {}) {
  LanguageModel model = tiny_language_model(settings, DType::f32);
  save_language_model(model, directory);
  return model;
}

TEST(LmFiles, WhatIsSavedIsOpened) {
  for (const char* position : {"seqpe", "learned", "none"}) {
    SCOPED_TRACE(position);
    const TemporaryDirectory folder;
    const LanguageModel model =
        saved_model(folder.path(), {std::string("model.position=") + position, "model.heads=4"});
    EXPECT_EQ(fs::exists(folder / "model_1.safetensors"), model.seqpe() != nullptr);
    const auto opened = open_language_model(find_model(folder.path()), {}, {"eval.stride=3"});
    EXPECT_EQ(opened->config().model.heads, 4);
    EXPECT_EQ(opened->config().eval.stride, 3);
    EXPECT_EQ(opened->tokenizer().vocab_size(), 256);
    const auto written = model.parameters(), read = opened->parameters();
    ASSERT_EQ(read.size(), written.size());
    for (std::size_t p = 0; p < read.size(); ++p) {
      EXPECT_EQ(read[p].name, written[p].name);
      test::expect_same(read[p].value, written[p].value);
    }
  }
}

TEST(LmFiles, ATokeniserOfAnotherVocabularyIsRefused) {
  const TemporaryDirectory folder, tokenizer;
  saved_model(folder.path());
  test::BpeFiles{{{"a", "b"}}}.write(tokenizer);
  test::expect_error<DataError>(
      [&] { open_language_model(find_model(folder.path()), tokenizer.path().string(), {}); },
      "[checkpoint] the tokeniser must have the model's vocabulary of 256 tokens, has 258.");
}

TEST(LmFiles, ARunOfTheReferenceNeedsATokeniser) {
  const TemporaryDirectory run;
  fs::create_directories(run / "best_model");
  saved_model(run.path());
  for (const char* file : {"model.safetensors", "model_1.safetensors"})
    fs::rename(run / file, run.path() / "best_model" / file);
  fs::remove(run / "config.yaml");
  test::expect_error<DataError>(
      [&] { open_language_model(find_model(run.path()), {}, {}); },
      fmt::format("[checkpoint] {} holds no tokeniser. Hint: --tokenizer FOLDER with vocab.json "
                  "and merges.txt.",
                  (run / "best_model").string()));
  const auto opened = open_language_model(find_model(run.path()), "bytes", {});
  EXPECT_EQ(opened->config().model.width, 8);
  EXPECT_EQ(opened->config().seqpe.encoder.layers, 1);
}

TEST(LmFiles, WarnsByTheKeysOfOtherData) {
  const TemporaryDirectory folder;
  saved_model(folder.path());
  const auto warning_for = [&](const std::vector<std::string>& settings) {
    const LanguageModel asked = tiny_language_model(settings, DType::f32);
    testing::internal::CaptureStderr();
    warn_of_other_data(asked, folder.path());
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(warning_for({"train.learning_rate=1", "model.dropout.residual=0.5"}), "");
  const std::string warning = warning_for({"train.batch_size=6", "data.block_size=4"});
  for (const char* change : {"train.batch_size was 4, is 6", "data.block_size was 8, is 4"})
    EXPECT_NE(warning.find(change), std::string::npos) << warning;
}

TEST(LmFiles, AnotherModelIsRefusedByTheKey) {
  const test::TemporaryDirectory folder;
  save_language_model(tiny_language_model({}, DType::f32), folder.path());
  struct Case {
    const char* setting;
    const char* key;  // null: the same model
  };
  const Case cases[] = {{"train.learning_rate=1", nullptr},
                        {"model.dropout.residual=0.5", nullptr},
                        {"seqpe.contrastive.weight=0.5", nullptr},
                        {"seqpe.shift.rate=0.5", nullptr},
                        {"seqpe.max_digits=5", nullptr},  // what auto gives
                        {"model.heads=4", "model.heads"},
                        {"model.activation=gelu", "model.activation"},
                        {"model.layer_norm_eps=1e-6", "model.layer_norm_eps"},
                        {"model.position=learned", "model.position"},
                        {"seqpe.scalar_scale=2", "seqpe.scalar_scale"},
                        {"seqpe.encoder.attention=bidirectional", "seqpe.encoder.attention"},
                        {"seqpe.encoder.temperature=2", "seqpe.encoder.temperature"}};
  for (const auto& [setting, key] : cases) {
    SCOPED_TRACE(setting);
    const LanguageModel asked = tiny_language_model({setting}, DType::f32);
    if (key == nullptr) {
      EXPECT_NO_THROW(check_same_model(asked, folder.path()));
    } else {
      test::expect_error_with<CheckpointError>([&] { check_same_model(asked, folder.path()); },
                                               std::string("another model: ") + key);
    }
  }
}

TEST(LmFiles, AnotherTokeniserIsRefusedByItsFirstToken) {
  const TemporaryDirectory folder;
  const LanguageModel model = saved_model(folder.path());
  EXPECT_NO_THROW(check_same_tokenizer(model, folder.path()));
  // As many tokens as there are bytes, two of which have changed places.
  fs::remove(folder / "byte_tokenizer.json");
  nlohmann::json vocab = test::BpeFiles{}.vocab();
  vocab.erase("<|endoftext|>");
  folder.write("merges.txt", test::BpeFiles{}.merges_text());
  folder.write("vocab.json", vocab.dump());
  EXPECT_NO_THROW(check_same_tokenizer(model, folder.path()));
  std::swap(vocab.at("A"), vocab.at("Z"));
  folder.write("vocab.json", vocab.dump());
  for (const auto check : {check_same_tokenizer, check_same_model}) {
    test::expect_error<CheckpointError>(
        [&] { check(model, folder.path()); },
        fmt::format("[checkpoint] {} is of another model: data.tokenizer has another token 65 "
                    "there.",
                    folder.path().string()));
  }
  test::BpeFiles{}.write(folder);
  test::expect_error<CheckpointError>(
      [&] { check_same_tokenizer(model, folder.path()); },
      fmt::format("[checkpoint] {} is of another model: data.tokenizer has 257 tokens there, 256 "
                  "were asked for.",
                  folder.path().string()));
}

}  // namespace
}  // namespace seqpe::models

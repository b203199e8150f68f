// A language model's files: what is written is read back, what does not fit is refused by name.
#include "models/tasks/lm_files.h"

#include <gtest/gtest.h>

#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "engine/train/checkpoint.h"
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

/// A checkpoint of training below `run`, of a model whose first embedding is `mark`.
fs::path write_marked(const fs::path& run, std::int64_t step, bool best, float mark) {
  return train::write_checkpoint(run, step, best, [&](const fs::path& directory) {
    const LanguageModel model = tiny_language_model({}, DType::f32);
    model.gpt().parameter("transformer.wte.weight").data_as<float>()[0] = mark;
    save_language_model(model, directory);
  });
}

float mark_of(const fs::path& path) {
  const auto model = open_language_model(path, {}, {});
  return model->gpt().parameter("transformer.wte.weight").data_as<float>()[0];
}

TEST(LmFiles, WhatIsSavedIsOpened) {
  for (const char* position : {"seqpe", "learned", "none"}) {
    SCOPED_TRACE(position);
    const TemporaryDirectory folder;
    const LanguageModel model =
        saved_model(folder.path(), {std::string("model.position=") + position, "model.heads=4"});
    EXPECT_EQ(fs::exists(folder / "model_1.safetensors"), model.seqpe() != nullptr);
    const auto opened = open_language_model(folder.path(), {}, {"eval.stride=3"});
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

TEST(LmFiles, ARunOpensItsBestCheckpointElseItsLatest) {
  const TemporaryDirectory run;
  write_marked(run.path(), 1, false, 10.0F);
  EXPECT_EQ(mark_of(run.path()), 10.0F);
  const fs::path best = write_marked(run.path(), 2, true, 20.0F);
  write_marked(run.path(), 3, false, 30.0F);
  EXPECT_EQ(mark_of(run.path()), 20.0F);
  EXPECT_EQ(mark_of(run / "checkpoints/step_00000001"), 10.0F);
  EXPECT_EQ(find_weights(run.path()).filename(), best.filename());
  fs::remove(best / "COMPLETE");
  EXPECT_EQ(mark_of(run.path()), 30.0F) << "the best one is half written";
}

TEST(LmFiles, AFolderWithoutAModelIsRefused) {
  const TemporaryDirectory folder;
  const std::string path = folder.path().string();
  const auto open = [&](const std::string& name) {
    return [path, name] { open_language_model(path + name, {}, {}); };
  };
  test::expect_error<CheckpointError>(
      open("/missing"), fmt::format("[checkpoint] {}/missing must be a folder.", path));
  test::expect_error<CheckpointError>(
      open(""), fmt::format("[checkpoint] {} must be a checkpoint (with model.safetensors), a run "
                            "folder, or a run of the reference (with best_model/).",
                            path));
  fs::create_directories(folder / "run/checkpoints");
  test::expect_error<CheckpointError>(
      open("/run"), fmt::format("[checkpoint] the run {}/run holds no complete checkpoint.", path));
}

TEST(LmFiles, ADamagedFileIsNoModel) {
  const TemporaryDirectory run;
  const fs::path checkpoint = write_marked(run.path(), 1, false, 1.0F);
  std::string bytes = io::read_text(checkpoint / "model.safetensors");
  bytes.back() = static_cast<char>(bytes.back() + 1);
  io::write_file_atomic(checkpoint / "model.safetensors", bytes);
  for (const fs::path& path : {run.path(), checkpoint}) {
    test::expect_error_with<CheckpointError>([&] { open_language_model(path, {}, {}); },
                                             "model.safetensors was changed");
    test::expect_error_with<CheckpointError>([&] { find_weights(path); },
                                             "model.safetensors was changed");
  }
}

TEST(LmFiles, SizesThatTheWeightsDoNotHaveAreRefusedByTheKey) {
  const TemporaryDirectory folder;
  saved_model(folder.path());
  struct Case {
    const char *setting, *message;
  };
  const Case cases[] = {
      {"model.width=1000000000",
       "'transformer.wte.weight' must have extent 1000000000 in dimension 1 (model.width), it is "
       "[256, 8]."},
      {"model.layers=2", "must hold 2 layers (model.layers), it holds 1."},
      {"seqpe.base=16",
       "'token_of_seqpe_embed.weight' must have extent 16 in dimension 0 (seqpe.base), it is [10, "
       "8]."},
      {"seqpe.encoder.width=16",
       "'token_of_seqpe_embed.weight' must have extent 16 in dimension 1 (seqpe.encoder.width), it "
       "is [10, 8]."},
      {"seqpe.max_digits=6",
       "'pos_of_seqpe_embed.weight' must have extent 6 in dimension 0 (seqpe.max_digits), it is "
       "[5, 8]."},
      {"seqpe.encoder.layers=3", "must hold 3 layers (seqpe.encoder.layers), it holds 1."}};
  for (const auto& [setting, message] : cases) {
    SCOPED_TRACE(setting);
    test::expect_error_with<CheckpointError>(
        [&, setting = setting] { open_language_model(folder.path(), {}, {setting}); }, message);
  }
}

TEST(LmFiles, ATokeniserOfAnotherVocabularyIsRefused) {
  const TemporaryDirectory folder, tokenizer;
  saved_model(folder.path());
  test::BpeFiles{{{"a", "b"}}}.write(tokenizer);
  test::expect_error<DataError>(
      [&] { open_language_model(folder.path(), tokenizer.path().string(), {}); },
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
      [&] { open_language_model(run.path(), {}, {}); },
      fmt::format("[checkpoint] {} holds no tokeniser. Hint: --tokenizer FOLDER with vocab.json "
                  "and merges.txt.",
                  (run / "best_model").string()));
  const auto opened = open_language_model(run.path(), "bytes", {});
  EXPECT_EQ(opened->config().model.width, 8);
  EXPECT_EQ(opened->config().seqpe.encoder.layers, 1);
}

TEST(LmFiles, TheHashIsThatOfTheWeightFilesInOrder) {
  const TemporaryDirectory folder;
  saved_model(folder.path());
  const std::string both =
      io::read_text(folder / "model.safetensors") + io::read_text(folder / "model_1.safetensors");
  EXPECT_EQ(weights_sha256(folder.path()), io::sha256(both.data(), both.size()));
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

TEST(LmFiles, AHeadOfItsOwnIsRefused) {
  const test::TemporaryDirectory folder;
  const LanguageModel model = tiny_language_model({"model.position=none"}, DType::f32);
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const auto& parameter : model.gpt().parameters())
    tensors.emplace_back(parameter.name, parameter.value);
  ASSERT_EQ(tensors[0].first, "transformer.wte.weight");
  const Tensor embedding = tensors[0].second;
  for (const bool tied : {true, false}) {
    auto with_head = tensors;
    with_head.emplace_back("lm_head.weight",
                           tied ? embedding : Tensor::zeros(embedding.shape(), DType::f32));
    io::write_safetensors(folder / "model.safetensors", with_head);
    if (tied) {
      EXPECT_NO_THROW(load_weights(model, folder.path()));
    } else {
      test::expect_error_with<CheckpointError>(
          [&] { load_weights(model, folder.path()); },
          "'lm_head.weight' must equal 'transformer.wte.weight'");
    }
  }
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

}  // namespace
}  // namespace seqpe::models

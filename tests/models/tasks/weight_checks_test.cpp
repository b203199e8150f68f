#include "models/tasks/weight_checks.h"

#include <gtest/gtest.h>

#include "engine/io/safetensors.h"
#include "models/tasks/lm_files.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_language_model.h"

namespace seqpe::models {
namespace {

using test::tiny_language_model;

TEST(WeightChecks, SizesThatTheWeightsDoNotHaveAreRefusedByTheKey) {
  const test::TemporaryDirectory folder;
  save_language_model(tiny_language_model({}, DType::f32), folder.path());
  const StoredModel stored{folder.path(), {}};
  const auto vocab_size_with = [&](const std::vector<std::string>& more) {
    const Config config = load_model_config({}, test::tiny_settings(more));
    return checked_vocab_size(config, stored, open_weights(config, stored.weights));
  };
  EXPECT_EQ(vocab_size_with({}), 256);
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
    test::expect_error_with<CheckpointError>([&, setting = setting] { vocab_size_with({setting}); },
                                             message);
  }
}

TEST(WeightChecks, TheVocabularyOfARunOfTheReferenceIsTheOneItNames) {
  const test::TemporaryDirectory folder;
  save_language_model(tiny_language_model({}, DType::f32), folder.path());
  const Config config = load_model_config({}, test::tiny_settings());
  const StoredModel stored{folder.path(), folder.path()};
  const WeightFiles files = open_weights(config, stored.weights);
  EXPECT_EQ(checked_vocab_size(config, stored, files), 256);
  folder.write("config.json", R"({"model_type": "gpt2", "vocab_size": 300})");
  test::expect_error_with<CheckpointError>(
      [&] { checked_vocab_size(config, stored, files); },
      "'transformer.wte.weight' must have extent 300 in dimension 0 (vocab_size), it is [256, 8].");
}

TEST(WeightChecks, AHeadOfItsOwnIsRefused) {
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
    const auto file = io::SafetensorsFile::open(folder / "model.safetensors");
    if (tied) {
      EXPECT_NO_THROW(check_tied_head(file));
    } else {
      test::expect_error_with<CheckpointError>(
          [&] { check_tied_head(file); }, "'lm_head.weight' must equal 'transformer.wte.weight'");
    }
  }
}

}  // namespace
}  // namespace seqpe::models

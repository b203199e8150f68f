#include "models/tasks/stored_model.h"

#include "engine/train/checkpoint.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace seqpe::models {
namespace {

namespace fs = std::filesystem;
using test::TemporaryDirectory;

/// Puts a file of weights there, which nobody here reads.
void put_weights(const fs::path& directory) {
  fs::create_directories(directory);
  std::ofstream(directory / kModelFile) << "weights";
}

fs::path write(const fs::path& run, std::int64_t step, bool best) {
  return train::write_checkpoint(run, step, best, put_weights);
}

TEST(StoredModel, OfARunIsItsBestCheckpointElseItsLatest) {
  const TemporaryDirectory run;
  const auto found = [&] {
    const StoredModel stored = find_model(run.path());
    EXPECT_TRUE(stored.is_ours());
    return stored.weights.filename().string() + " " + stored.choice;
  };
  write(run.path(), 1, false);
  EXPECT_EQ(found(), "step_00000001 latest");
  const fs::path best = write(run.path(), 2, true);
  write(run.path(), 3, false);
  EXPECT_EQ(found(), "step_00000002 best");
  fs::remove(best / "COMPLETE");
  testing::internal::CaptureStderr();
  EXPECT_EQ(found(), "step_00000003 newest complete") << "the best one is half written";
  const std::string warning = testing::internal::GetCapturedStderr();
  EXPECT_NE(warning.find("step_00000002 has no COMPLETE"), std::string::npos) << warning;
  EXPECT_NE(warning.find("step_00000003 is taken."), std::string::npos) << warning;
}

TEST(StoredModel, TellsItsStepWhereAFileDoes) {
  const TemporaryDirectory folder;
  const StoredModel stored{folder.path(), {}};
  EXPECT_EQ(step_of(stored), std::nullopt);
  folder.write(train::kStateFile, R"({"step": 12})");
  EXPECT_EQ(step_of(stored), 12);
  for (const char* text : {"{", "[1]", "{}", R"({"step": "x"})"}) {
    folder.write(train::kStateFile, text);
    test::expect_error_with<CheckpointError>([&] { step_of(stored); }, "must hold a step");
  }
}

TEST(StoredModel, MayBeAnyCheckpoint) {
  const TemporaryDirectory run, copied;
  const fs::path checkpoint = write(run.path(), 1, false);
  write(run.path(), 2, true);
  EXPECT_EQ(find_model(checkpoint).weights, checkpoint);
  EXPECT_TRUE(find_model(checkpoint).is_ours());
  put_weights(copied.path());
  copied.write(kConfigFile, "");
  EXPECT_EQ(find_model(copied.path()).weights, copied.path());
  EXPECT_TRUE(find_model(copied.path()).is_ours());
}

TEST(StoredModel, OfARunOfTheReferenceIsItsBestOrAStep) {
  const TemporaryDirectory run;
  put_weights(run / "best_model");
  put_weights(run / "step_5");
  for (const auto& [path, weights] : {std::pair{run.path(), run / "best_model"},
                                      {run / "best_model", run / "best_model"},
                                      {run / "step_5", run / "step_5"}}) {
    const StoredModel stored = find_model(path);
    EXPECT_FALSE(stored.is_ours());
    EXPECT_EQ(stored.weights, weights);
    EXPECT_EQ(stored.reference_run, run.path());
  }
  // Weights and configuration in one folder.
  run.write("step_5/pe_config.json", "");
  EXPECT_EQ(find_model(run / "step_5").reference_run, run / "step_5");
}

TEST(StoredModel, IsNotInAFolderWithoutAModel) {
  const TemporaryDirectory folder;
  const std::string path = folder.path().string();
  test::expect_error<CheckpointError>(
      [&] { find_model(path + "/missing"); },
      fmt::format("[checkpoint] {}/missing must be a folder.", path));
  test::expect_error<CheckpointError>(
      [&] { find_model(path); },
      fmt::format("[checkpoint] {} must be a checkpoint (with model.safetensors), a run folder, or "
                  "a run of the reference (with best_model/).",
                  path));
  fs::create_directories(folder / "run/checkpoints");
  test::expect_error<CheckpointError>(
      [&] { find_model(path + "/run"); },
      fmt::format("[checkpoint] the run {}/run holds no complete checkpoint.", path));
  fs::create_directories(folder / "young");
  folder.write("young/command.txt", "seqpe_engine train lm");
  test::expect_error<CheckpointError>(
      [&] { find_model(path + "/young"); },
      fmt::format("[checkpoint] the run {}/young has no checkpoint yet.", path));
}

TEST(StoredModel, IsNotADamagedCheckpoint) {
  const TemporaryDirectory run;
  const fs::path checkpoint = write(run.path(), 1, false);
  std::ofstream(checkpoint / kModelFile) << "Weights";
  for (const fs::path& path : {run.path(), checkpoint}) {
    test::expect_error_with<CheckpointError>([&] { find_model(path); },
                                             "model.safetensors was changed");
  }
}

TEST(StoredModel, ItsHashIsThatOfTheWeightFilesInOrder) {
  const TemporaryDirectory folder;
  folder.write(kModelFile, "ab");
  const StoredModel stored{folder.path(), {}};
  // FIPS 180-2, appendix B.1: "abc".
  folder.write(kEncoderFile, "c");
  EXPECT_EQ(weights_sha256(stored),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  folder.write(kModelFile, "abc");
  fs::remove(folder / kEncoderFile);
  EXPECT_EQ(weights_sha256(stored),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace seqpe::models

// Checkpoint folders: what is listed, pruned, verified, and what a failed write leaves.
#include "engine/train/checkpoint.h"

#include <algorithm>
#include <fstream>

#include "engine/io/file.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace seqpe::train {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::TemporaryDirectory;

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

fs::path write(const fs::path& run, std::int64_t step, bool best = false,
               const std::string& text = "weights") {
  return write_checkpoint(run, step, best,
                          [&](const fs::path& folder) { write_text(folder / "file", text); });
}

/// Names below RUN/checkpoints, links left out.
std::vector<std::string> folders(const fs::path& run) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints")) {
    if (!entry.is_symlink()) names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

using Names = std::vector<std::string>;

TEST(Checkpoint, NewestIsTheOneWrittenLast) {
  const TemporaryDirectory run;
  EXPECT_FALSE(newest_checkpoint(run.path()));
  write(run.path(), 2);
  write(run.path(), 12);
  EXPECT_EQ(newest_checkpoint(run.path())->filename(), "step_00000012");
  write(run.path(), 3);  // went on from step 2: 12 is left behind
  EXPECT_EQ(newest_checkpoint(run.path())->filename(), "step_00000003");
  fs::remove(run / "checkpoints/latest");
  EXPECT_EQ(newest_checkpoint(run.path())->filename(), "step_00000012");
}

TEST(Checkpoint, OnlyCompleteFoldersOfItsOwnNamesCount) {
  const TemporaryDirectory run;
  const fs::path good = write(run.path(), 1);
  for (const char* other : {"step_00000009_copy", "step_", "step_x", "step_99999999999999999999"}) {
    fs::copy(good, run.path() / "checkpoints" / other);
  }
  fs::remove(write(run.path(), 5) / "COMPLETE");  // latest points at it
  EXPECT_EQ(newest_checkpoint(run.path())->filename(), "step_00000001");
  prune_checkpoints(run.path(), {.keep_last = 1});
  EXPECT_TRUE(fs::exists(run / "checkpoints/step_00000009_copy"));
}

struct PruneCase {
  CheckpointConfig config;
  std::int64_t best;
  Names kept;
};

TEST(Checkpoint, PruningKeepsLastEveryLatestAndBest) {
  const PruneCase cases[] = {
      {{.keep_last = 1}, 0, {"step_00000006"}},
      {{.keep_last = 2}, 0, {"step_00000005", "step_00000006"}},
      {{.keep_last = 1}, 2, {"step_00000002", "step_00000006"}},
      {{.keep_last = 1, .keep_every = 3}, 0, {"step_00000003", "step_00000006"}},
      {{.keep_last = 1, .keep_every = 4}, 1, {"step_00000001", "step_00000004", "step_00000006"}}};
  for (const auto& [config, best, kept] : cases) {
    const TemporaryDirectory run;
    for (std::int64_t step = 1; step <= 6; ++step) write(run.path(), step, step == best);
    fs::create_directory(run / "checkpoints/tmp_step_00000007");  // of a crash
    prune_checkpoints(run.path(), config);
    EXPECT_EQ(folders(run.path()), kept);
  }
}

TEST(Checkpoint, PruningKeepsLatestWhereLaterStepsAreLeftBehind) {
  const TemporaryDirectory run;
  for (const std::int64_t step : {8, 9, 2, 3, 4}) write(run.path(), step);
  prune_checkpoints(run.path(), {.keep_last = 2});
  EXPECT_EQ(folders(run.path()),
            (Names{"step_00000003", "step_00000004", "step_00000008", "step_00000009"}));
}

TEST(Checkpoint, AFailedWriteLeavesThePreviousOnesAndNothingElse) {
  const TemporaryDirectory run;
  write(run.path(), 1, true);
  const auto fail = [&](std::int64_t step) {
    write_checkpoint(run.path(), step, true, [](const fs::path& folder) {
      write_text(folder / "file", "half");
      throw Error("disk full");
    });
  };
  EXPECT_EQ(error_of<Error>([&] { fail(2); }), "disk full");
  EXPECT_EQ(error_of<Error>([&] { fail(1); }), "disk full");
  EXPECT_EQ(folders(run.path()), Names{"step_00000001"});
  EXPECT_EQ(linked_checkpoint(run.path(), "best")->filename(), "step_00000001");
  verify_checkpoint(*newest_checkpoint(run.path()));
}

TEST(Checkpoint, WritingAStepAgainReplacesIt) {
  const TemporaryDirectory run;
  write(run.path(), 1);
  const fs::path again = write(run.path(), 1, false, "new");
  EXPECT_EQ(io::read_text(again / "file"), "new");
  verify_checkpoint(again);
  EXPECT_EQ(folders(run.path()), Names{"step_00000001"});
}

TEST(Checkpoint, VerifyNamesTheFileThatDiffers) {
  struct Case {
    std::function<void(const fs::path&)> damage;
    std::string message;
  };
  const Case cases[] = {
      {[](const fs::path& c) { write_text(c / "file", "Weights"); }, "file was changed"},
      {[](const fs::path& c) { write_text(c / "file", "weight"); }, "must have 7 bytes, has 6"},
      {[](const fs::path& c) { fs::remove(c / "file"); }, "file: No such file"},
      {[](const fs::path& c) { fs::remove(c / "COMPLETE"); }, "must hold a file COMPLETE"},
      {[](const fs::path& c) { write_text(c / "COMPLETE", "{"); }, "COMPLETE: "},
      {[](const fs::path& c) { write_text(c / "COMPLETE", "[]"); }, "COMPLETE: "},
      {[](const fs::path& c) { write_text(c / "COMPLETE", R"({"format_version": 2})"); },
       "format_version must be at most 1, got 2"}};
  for (const auto& [damage, message] : cases) {
    const TemporaryDirectory run;
    const fs::path checkpoint = write(run.path(), 1);
    verify_checkpoint(checkpoint);
    damage(checkpoint);
    test::expect_error_with<CheckpointError>([&] { verify_checkpoint(checkpoint); }, message);
  }
}

TEST(Checkpoint, VerifyOfADamagedOneNamesTheOneBeforeIt) {
  const TemporaryDirectory run;
  const fs::path first = write(run.path(), 3), second = write(run.path(), 7);
  for (const fs::path& checkpoint : {first, second}) write_text(checkpoint / "file", "Weights");
  test::expect_error_with<CheckpointError>([&] { verify_checkpoint(second); },
                                           "Hint: the checkpoint before it is " + first.string());
  EXPECT_EQ(error_of<CheckpointError>([&] { verify_checkpoint(first); }).find("before it"),
            std::string::npos);
}

}  // namespace
}  // namespace seqpe::train

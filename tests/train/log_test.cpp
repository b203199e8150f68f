// The lines of train.log; what a terminal shows is tested with the command.
#include "engine/train/log.h"

#include "engine/io/file.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace seqpe::train {
namespace {

TEST(Log, FileHoldsWhatWasSaidBeforeItToo) {
  const test::TemporaryDirectory folder;
  folder.write("train.log", "an earlier run\n");
  testing::internal::CaptureStderr();
  {
    Log log;
    log.say("first");
    log.open(folder / "train.log");
    log.say("second");
    log.detail("only with -v");
    log.record("only in the file");
    log.draw(1, 2, "a bar");  // stderr is no terminal here
    EXPECT_FALSE(log.draws());
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "first\nsecond\n");
  EXPECT_EQ(io::read_text(folder / "train.log"),
            "an earlier run\nfirst\nsecond\nonly in the file\n");
}

TEST(Log, VerbosityDecidesAboutStderr) {
  const std::pair<Verbosity, const char*> cases[] = {{Verbosity::quiet, ""},
                                                     {Verbosity::normal, "line\n"},
                                                     {Verbosity::verbose, "line\ndetail\n"}};
  for (const auto& [verbosity, shown] : cases) {
    testing::internal::CaptureStderr();
    Log log(verbosity);
    log.say("line");
    log.detail("detail");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), shown);
  }
}

TEST(Log, DurationsAreShort) {
  const std::pair<double, const char*> cases[] = {
      {0.0, "0m00s"}, {59.6, "1m00s"}, {200.0, "3m20s"}, {3725.0, "1h02m"}, {360000.0, "100h00m"}};
  for (const auto& [seconds, text] : cases) EXPECT_EQ(duration(seconds), text);
}

}  // namespace
}  // namespace seqpe::train

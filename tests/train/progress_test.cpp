// The lines of train.log about progress; what a terminal shows is tested with the command.
#include "engine/train/progress.h"

#include <gtest/gtest.h>

#include <csignal>
#include <regex>
#include <sstream>
#include <thread>

#include "engine/io/file.h"
#include "engine/train/signals.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace seqpe::train {
namespace {

class ProgressTest : public testing::Test {
 protected:
  ProgressTest() { log_.open(folder_ / "train.log"); }
  std::vector<std::string> lines() const {
    std::istringstream text(io::read_text(folder_ / "train.log"));
    std::vector<std::string> out;
    for (std::string line; std::getline(text, line);) out.push_back(line);
    return out;
  }

  test::TemporaryDirectory folder_;
  Log log_{Verbosity::quiet};
};

void expect_matches(const std::string& line, const std::string& pattern) {
  EXPECT_TRUE(std::regex_match(line, std::regex(pattern))) << line << "\nexpected " << pattern;
}

TEST_F(ProgressTest, ALineNamesTheLossesThatTheStepHad) {
  TrainingProgress progress(log_, 0, 2, 1, "tokens");
  const std::string rates = " ETA [0-9]+m[0-9][0-9]s [0-9]+ tok/s";
  progress.step(1, {.loss = 1.23456,
                    .terms = {{"task", 1.0}, {"transfer", std::nullopt}},
                    .norms = {{"model", 0.5}, {"encoder", 0.25}},
                    .learning_rate = 1e-3});
  progress.step(
      2, {.loss = 2.0, .terms = {{"task", 1.5}, {"transfer", 0.25}}, .learning_rate = 2.5e-4});
  ASSERT_EQ(lines().size(), 2u);
  expect_matches(lines()[0],
                 "step 1/2 loss 1\\.2346" + rates +
                     " task 1\\.0000 grad_norm 0\\.50 encoder_grad_norm 0\\.25 lr 1\\.00e-03");
  expect_matches(lines()[1], "step 2/2 loss 2\\.0000" + rates +
                                 " task 1\\.5000 transfer 0\\.2500 lr 2\\.50e-04");
}

TEST_F(ProgressTest, ALineComesEverySoManyStepsAndAtTheEnd) {
  TrainingProgress progress(log_, 3, 9, 4, "tokens");
  for (std::int64_t step = 4; step <= 9; ++step) progress.step(step, {});
  ASSERT_EQ(lines().size(), 3u);
  expect_matches(lines()[0], "step 4/9 .*");
  expect_matches(lines()[1], "step 8/9 .*");
  expect_matches(lines()[2], "step 9/9 .* ETA 0m00s .*");
}

TEST_F(ProgressTest, TimeLeftAndTokensASecondAreThoseOfThisRun) {
  // Two steps of a run that went on at step 10: 98 are left.
  TrainingProgress progress(log_, 10, 110, 12, "tokens");
  progress.step(11, {.samples = 3'000'000});
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  const double before = progress.seconds();
  progress.step(12, {.samples = 1'000'000});
  const double after = progress.seconds();
  ASSERT_EQ(lines().size(), 1u);
  std::smatch found;
  const std::string line = lines()[0];
  ASSERT_TRUE(std::regex_search(line, found, std::regex("ETA ([0-9]+)m([0-9]+)s ([0-9]+) tok/s")));
  const double left = 60 * std::stod(found[1]) + std::stod(found[2]), rate = std::stod(found[3]);
  EXPECT_GE(left, 98 * before / 2 - 0.5);
  EXPECT_LE(left, 98 * after / 2 + 0.5);
  EXPECT_GE(rate, 4e6 / after - 0.5);
  EXPECT_LE(rate, 4e6 / before + 0.5);
}

TEST_F(ProgressTest, AShortEvaluationHasNoLine) {
  EvaluationProgress progress(log_, "length 512");
  for (std::int64_t done = 1; done <= 5; ++done) progress(done, 5);
  EXPECT_TRUE(lines().empty());
}

TEST_F(ProgressTest, AnEvaluationEndsWhenAStopIsRequested) {
  const SignalGuard guard;
  EvaluationProgress progress(log_, "length 512");
  progress(1, 5);
  std::raise(SIGTERM);
  test::expect_error<StoppedError>([&] { progress(2, 5); }, "stopped by a signal");
}

}  // namespace
}  // namespace seqpe::train

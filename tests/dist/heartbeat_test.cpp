// Signs of life, and their absence.
#include "engine/dist/heartbeat.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/expect_error.h"
#include "tests/support/thread_ranks.h"

namespace seqpe::dist {
namespace {

constexpr double kTimeout = 4;

class HeartbeatTest : public testing::Test {
 protected:
  void pass(double seconds) {
    now_ += std::chrono::duration_cast<Heartbeat::Clock::duration>(
        std::chrono::duration<double>(seconds));
  }
  Heartbeat heart_of(test::ThreadWorld::Calls& calls, int other) {
    return {calls, {other}, {{other, fmt::format("rank {} on node7", other)}}, kTimeout, [this] {
              return now_;
            }};
  }
  void expect_silence_of_rank_1() {
    test::expect_error<CommunicationError>(
        [&] { heart_.beat(); },
        "[dist] rank 1 on node7 gave no sign of life for 4 s (dist.timeout): it is stopped, or its "
        "host or the network is down.");
  }

  Heartbeat::Clock::time_point now_ = Heartbeat::Clock::now();
  test::ThreadWorld world_{2};
  test::ThreadWorld::Calls first_{world_, 0}, second_{world_, 1};
  Heartbeat heart_ = heart_of(first_, 1), other_ = heart_of(second_, 0);
};

TEST_F(HeartbeatTest, WhoGivesSignsLives) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_NO_THROW(other_.beat());
    EXPECT_NO_THROW(heart_.beat());
    pass(0.5);
  }
}

TEST_F(HeartbeatTest, ASignASecondIsEnough) {
  for (int i = 0; i < 15; ++i) {
    other_.beat();
    pass(0.25);
  }
  int signs = 0;
  while (first_.receive_sign(1)) ++signs;
  EXPECT_EQ(signs, 4);
}

TEST_F(HeartbeatTest, WhoGivesNoneIsNamed) {
  other_.beat();
  for (int i = 0; i < 17; ++i) {
    EXPECT_NO_THROW(heart_.beat()) << i;
    pass(0.25);
  }
  expect_silence_of_rank_1();
}

TEST_F(HeartbeatTest, WhoStoodStillItselfBlamesNobodyForIt) {
  heart_.beat();
  pass(1000 * kTimeout);
  EXPECT_NO_THROW(heart_.beat());
  for (int i = 0; i < 12; ++i) {
    pass(0.25);
    EXPECT_NO_THROW(heart_.beat()) << i;
  }
  pass(0.25);
  expect_silence_of_rank_1();
}

TEST_F(HeartbeatTest, WhoEndedInGoodOrderMayBeSilent) {
  std::thread ends([&] { other_.end(); });
  heart_.end();
  ends.join();
  for (int i = 0; i < 100; ++i) {
    EXPECT_NO_THROW(heart_.beat());
    pass(0.5);
  }
}

TEST(Heartbeat, WhoLivesAndDoesNotEndIsNotWaitedForForEver) {
  struct Alive final : Signs {
    void send_sign(int, char) override {}
    std::optional<char> receive_sign(int) override {
      is_there = !is_there;
      return is_there ? std::optional('l') : std::nullopt;
    }
    bool is_there = false;
  };
  Alive alive;
  auto now = Heartbeat::Clock::now();
  Heartbeat heart(alive, {1}, {{1, "rank 1 on node7"}}, 2, [&] {
    now += std::chrono::milliseconds(500);
    return now;
  });
  test::expect_error_with<CommunicationError>(
      [&] { heart.end(); },
      "[dist] the work of rank 1 on node7 did not end within 40 s (20 times dist.timeout)");
}

}  // namespace
}  // namespace seqpe::dist

// Signs of life, and their absence.
#include "engine/dist/heartbeat.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/expect_error.h"
#include "tests/support/thread_ranks.h"

namespace seqpe::dist {
namespace {

constexpr double kTimeout = 0.8;

void pause(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

class HeartbeatTest : public testing::Test {
 protected:
  test::ThreadWorld world_{2};
  test::ThreadWorld::Calls first_{world_, 0}, second_{world_, 1};
  Heartbeat heart_{first_, {1}, {{1, "rank 1 on node7"}}, kTimeout};
};

TEST_F(HeartbeatTest, WhoGivesSignsLives) {
  Heartbeat other(second_, {0}, {{0, "rank 0 on node7"}}, kTimeout);
  for (int i = 0; i < 10; ++i) {
    EXPECT_NO_THROW(other.beat());
    EXPECT_NO_THROW(heart_.beat());
    pause(kTimeout / 5);
  }
}

TEST_F(HeartbeatTest, WhoGivesNoneIsNamed) {
  EXPECT_NO_THROW(heart_.beat());
  pause(0.4 * kTimeout);
  EXPECT_NO_THROW(heart_.beat());
  pause(0.4 * kTimeout);
  EXPECT_NO_THROW(heart_.beat());
  pause(0.4 * kTimeout);
  test::expect_error<CommunicationError>(
      [&] { heart_.beat(); },
      "[dist] rank 1 on node7 gave no sign of life for 0.8 s (dist.timeout): it is stopped, or its "
      "host or the network is down.");
}

TEST_F(HeartbeatTest, WhoStoodStillItselfBlamesNobody) {
  EXPECT_NO_THROW(heart_.beat());
  pause(2 * kTimeout);
  EXPECT_NO_THROW(heart_.beat());
}

TEST_F(HeartbeatTest, WhoEndedInGoodOrderMayBeSilent) {
  Heartbeat other(second_, {0}, {{0, "rank 0 on node7"}}, kTimeout);
  std::thread ends([&] { other.end(); });
  for (int i = 0; i < 10; ++i) {
    EXPECT_NO_THROW(heart_.beat());
    pause(kTimeout / 5);
  }
  heart_.end();
  ends.join();
}

}  // namespace
}  // namespace seqpe::dist

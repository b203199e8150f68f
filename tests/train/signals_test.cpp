#include "engine/train/signals.h"

#include <csignal>

#include "tests/support/expect_error.h"

namespace seqpe::train {
namespace {

TEST(Signals, TheFirstOneIsARequest) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    const SignalGuard guard;
    EXPECT_FALSE(stop_requested()) << "what came in the life of another guard is forgotten";
    EXPECT_NO_THROW(stop_here_if_requested());
    std::raise(signal);
    EXPECT_TRUE(stop_requested());
    test::expect_error<StoppedError>([] { stop_here_if_requested(); }, "stopped by a signal");
    EXPECT_TRUE(stop_requested()) << "until the guard ends";
  }
  EXPECT_FALSE(stop_requested());
}

TEST(SignalsDeathTest, TheSecondOneEndsTheProcess) {
  for (const auto& [first, second] : {std::pair{SIGTERM, SIGTERM}, {SIGINT, SIGTERM}}) {
    EXPECT_EXIT(
        {
          const SignalGuard guard;
          std::raise(first);
          std::raise(second);
        },
        testing::KilledBySignal(second), "");
  }
}

TEST(SignalsDeathTest, WithoutAGuardTheFirstOneEndsTheProcess) {
  EXPECT_EXIT(
      {
        { const SignalGuard guard; }
        std::raise(SIGINT);
      },
      testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace seqpe::train

#include "engine/dist/alarm.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace seqpe::dist {
namespace {

TEST(Alarm, RingsOnceWhereWorkDoesNotEnd) {
  std::atomic<int> rung = 0;
  {
    const Alarm alarm(0.05, [&] { ++rung; });
    while (rung == 0) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(rung, 1);
}

TEST(Alarm, IsSilentWhereWorkEndsInTime) {
  std::atomic<int> rung = 0;
  const auto begin = std::chrono::steady_clock::now();
  {
    const Alarm alarm(600, [&] { ++rung; });
  }
  EXPECT_EQ(rung, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(300));
}

}  // namespace
}  // namespace seqpe::dist

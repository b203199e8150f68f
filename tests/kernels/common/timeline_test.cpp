#include "kernels/common/timeline.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "kernels/common/profile.h"

namespace seqpe::kernels {
namespace {

void sleep_ms(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

TEST(Timeline, KernelsAndMessagesStandWhereTheyRan) {
  start_profile();
  start_timeline(Device::cpu);
  std::thread sender([] {
    const CommunicationSpan span("all_reduce");
    sleep_ms(30);
  });
  {
    const KernelTimer outer("attention");
    sleep_ms(5);
    const KernelTimer inner("matmul");
    sleep_ms(5);
  }
  sender.join();
  { const CommunicationSpan span("all_gather"); }
  const std::vector<Span> spans = stop_timeline();
  stop_profile();
  ASSERT_EQ(spans.size(), 4u);
  const Span &attention = spans[0], &matmul = spans[1], &reduced = spans[2], &gathered = spans[3];
  EXPECT_EQ(attention.name, "attention");
  EXPECT_EQ(matmul.name, "matmul");
  EXPECT_EQ(reduced.name, "all_reduce");
  EXPECT_EQ(gathered.name, "all_gather");
  EXPECT_EQ(matmul.track, Track::compute);
  EXPECT_EQ(reduced.track, Track::communication);
  EXPECT_GE(attention.begin, 0);
  EXPECT_GE(matmul.begin, attention.begin + 0.005);
  EXPECT_LE(matmul.end, attention.end) << "one lies in the other";
  EXPECT_GE(reduced.end - reduced.begin, 0.030);
  EXPECT_LT(reduced.begin, attention.end + 5) << "and both threads have one clock";
  EXPECT_GE(gathered.begin, reduced.end);
}

TEST(Timeline, HoldsWhatBeganAndEndedInIt) {
  start_profile();
  {
    const KernelTimer early("early");
    start_timeline(Device::cpu);
  }
  { const KernelTimer whole("whole"); }
  const KernelTimer late("late");
  const std::vector<Span> spans = stop_timeline();
  stop_profile();
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0].name, "whole");
  EXPECT_TRUE(stop_timeline().empty()) << "none is kept any more";
}

}  // namespace
}  // namespace seqpe::kernels

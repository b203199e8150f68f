#include "kernels/common/profile.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "kernels/elementwise.h"
#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

void sleep_ms(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

TEST(Profile, AKernelsTimeIsWithoutThoseThatItCalls) {
  const auto begin = std::chrono::steady_clock::now();
  start_profile();
  {
    const KernelTimer caller("attention");
    sleep_ms(2);
    for (int call = 0; call < 2; ++call) {
      const KernelTimer called("matmul");
      sleep_ms(10);
    }
  }
  const auto times = stop_profile();
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
  ASSERT_EQ(times.size(), 2u);
  EXPECT_GE(times[0].seconds, times[1].seconds) << "slowest first";
  EXPECT_LE(times[0].seconds + times[1].seconds, passed.count()) << "no time counts twice";
  for (const KernelTime& time : times) {
    const bool is_called = std::string(time.name) == "matmul";
    EXPECT_STREQ(time.name, is_called ? "matmul" : "attention");
    EXPECT_EQ(time.calls, is_called ? 2 : 1);
    EXPECT_GE(time.seconds, is_called ? 0.020 : 0.002) << time.name;
  }
}

TEST(Profile, CountsFromStartToStop) {
  { const KernelTimer before("before"); }
  start_profile();
  { const KernelTimer first("first"); }
  start_profile();  // from zero again
  { const KernelTimer second("second"); }
  { const KernelTimer second("second"); }
  const auto times = stop_profile();
  { const KernelTimer after("second"); }
  ASSERT_EQ(times.size(), 1u);
  EXPECT_STREQ(times[0].name, "second");
  EXPECT_EQ(times[0].calls, 2);
  start_profile();
  EXPECT_TRUE(stop_profile().empty());
}

TEST(Profile, KernelsCountUnderTheirNames) {
  const float x = 2.0F;
  float out = 0.0F;
  start_profile();
  for (int call = 0; call < 3; ++call) {
    add_rows(
        test::kCpu,
        {.dtype = DType::f32, .out = &out, .x = &x, .y = &x, .rows = 1, .blocks = 1, .inner = 1});
  }
  const auto times = stop_profile();
  ASSERT_EQ(times.size(), 1u);
  EXPECT_STREQ(times[0].name, "add_rows");
  EXPECT_EQ(times[0].calls, 3);
}

}  // namespace
}  // namespace seqpe::kernels

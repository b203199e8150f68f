// The times of kernels: what is timed, not how long it takes.
#include <set>

#include "kernels/gelu.h"
#include "tests/cuda/device_array.h"
#include "tests/support/expect_error.h"
#include "tools/kernel_costs/case_time.h"

namespace seqpe::costs {
namespace {

constexpr Timing kFew{.warmup = 2, .repeats = 3, .cold_bytes = 1024};

TEST(KernelTimesCuda, EveryCallUsesTheSameArrays) {
  constexpr std::int64_t kCount = 1000;
  std::set<const float*> outputs, inputs;
  int calls = 0;
  const Case gelu{"gelu_forward", "1000 f32", 0, [&](Arrays& arrays) {
                    auto *out = arrays.output<float>(kCount), *x = arrays.input<float>(kCount);
                    outputs.insert(out);
                    inputs.insert(x);
                    std::vector<float> given(kCount);
                    kernels::copy_to_host(test::on_cuda(), given.data(), x, kCount * sizeof(float));
                    EXPECT_EQ(given, std::vector<float>(kCount, 0.0f));
                    kernels::gelu_forward(
                        test::on_cuda(),
                        {.dtype = DType::f32, .out = out, .x = x, .count = kCount});
                    ++calls;
                  }};
  const CaseTime result = time(gelu, kFew);
  EXPECT_EQ(calls, 5);
  EXPECT_EQ(outputs.size(), 1u);
  EXPECT_EQ(inputs.size(), 1u);
  EXPECT_EQ(result.name, "gelu_forward");
  EXPECT_EQ(result.moved_bytes, 2.0 * kCount * sizeof(float));
  ASSERT_EQ(result.seconds.size(), 3u);
  EXPECT_GT(result.seconds.front(), 0.0);
  EXPECT_TRUE(std::is_sorted(result.seconds.begin(), result.seconds.end()));
  EXPECT_EQ(result.median(), result.seconds[1]);
}

TEST(KernelTimesCuda, ALongerCallTakesLonger) {
  const auto copies = [](std::int64_t times) {
    return Case{"copy", "", 0, [=](Arrays& arrays) {
                  constexpr std::int64_t kBytes = 1 << 20;
                  auto *to = arrays.output<std::byte>(kBytes),
                       *from = arrays.input<std::byte>(kBytes);
                  for (std::int64_t i = 0; i < times; ++i)
                    kernels::copy_on_device(test::on_cuda(), to, from, kBytes);
                }};
  };
  // The least of the longer calls against the median of the shorter ones: 64 times the work.
  EXPECT_GT(time(copies(64), kFew).seconds.front(), time(copies(1), kFew).median());
}

TEST(KernelTimesCuda, IndicesAreCopiedOnce) {
  Arrays arrays;
  const std::int64_t* device = arrays.indices({3, 1, 2});
  arrays.begin_again();
  EXPECT_EQ(arrays.indices({7, 7, 7}), device);
  std::vector<std::int64_t> values(3);
  kernels::copy_to_host(test::on_cuda(), values.data(), device, 3 * sizeof(std::int64_t));
  EXPECT_EQ(values, (std::vector<std::int64_t>{3, 1, 2}));
}

TEST(KernelTimesCuda, OtherArraysAreRefused) {
  Arrays arrays;
  arrays.input<float>(4);
  arrays.begin_again();
  test::expect_error(
      [&] { arrays.input<float>(5); },
      "[bench] every call of a case must ask for the same arrays, array 0 had 16 bytes, "
      "got 20.");
}

}  // namespace
}  // namespace seqpe::costs

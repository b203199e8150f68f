#include "engine/data/parallel_each.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/common/error.h"
#include "tests/support/expect_error.h"

namespace seqpe::data {
namespace {

TEST(ParallelEach, EveryItemOnce) {
  for (const int threads : {1, 2, 7}) {
    for (const std::int64_t count : {0, 1, 5, 100}) {
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
      parallel_each(count, threads, [&](std::int64_t i) { ++calls[static_cast<std::size_t>(i)]; });
      for (const auto& called : calls) EXPECT_EQ(called, 1);
    }
  }
}

TEST(ParallelEach, ItemsAreWorkedOnAtTheSameTime) {
  std::atomic<int> arrived{0};
  parallel_each(2, 2, [&](std::int64_t) {
    ++arrived;
    while (arrived < 2) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 2);
}

TEST(ParallelEach, TheFirstErrorOfSeveralArrives) {
  for (const int threads : {1, 3}) {
    std::atomic<int> done{0};
    test::expect_error(
        [&] {
          parallel_each(20, threads, [&](std::int64_t i) {
            ++done;
            require(i % 7 != 5, "item {}", i);
          });
        },
        "item 5");
    EXPECT_EQ(done, 20);
  }
}

TEST(ParallelEach, NoThreadsAreRefused) {
  test::expect_error([] { parallel_each(1, 0, [](std::int64_t) {}); },
                     "[threads] expected at least one thread, got 0.");
}

int cores_of_this_thread() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  EXPECT_EQ(::sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  return CPU_COUNT(&allowed);
}

TEST(ParallelEach, ThreadsOfABoundOneAreFree) {
  EXPECT_EQ(usable_cores(), cores_of_this_thread());
  std::vector<int> cores;
  std::jthread bound([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
    std::mutex mutex;
    std::atomic<int> arrived{0};
    parallel_each(2, 2, [&](std::int64_t) {
      ++arrived;
      while (arrived < 2) std::this_thread::yield();
      const std::lock_guard lock(mutex);
      cores.push_back(cores_of_this_thread());
    });
  });
  bound.join();
  std::sort(cores.begin(), cores.end());
  EXPECT_EQ(cores, (std::vector<int>{1, usable_cores()}));
}

}  // namespace
}  // namespace seqpe::data

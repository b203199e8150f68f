// Jobs are done in order, beside the thread that asks, and tell what went wrong.
#include "engine/dist/worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "kernels/common/error.h"

namespace seqpe::dist {
namespace {

TEST(Worker, DoesOneJobAfterTheOther) {
  std::vector<int> done;
  {
    Worker worker;
    for (int i = 0; i < 100; ++i) worker.ask([&done, i] { done.push_back(i); });
  }  // waits
  ASSERT_EQ(done.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(done[static_cast<std::size_t>(i)], i);
}

TEST(Worker, DoesItsChoreWhetherItIsIdleOrBusy) {
  std::atomic<int> chores = 0;
  Worker worker([&] { ++chores; });
  const auto wait_for_chores = [&](const std::function<void()>& work) {
    const int before = chores;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (chores < before + 3 && std::chrono::steady_clock::now() < end) work();
    EXPECT_GE(chores, before + 3);
  };
  const auto moment = std::chrono::milliseconds(10);
  wait_for_chores([&] { std::this_thread::sleep_for(moment); });
  wait_for_chores([&] { worker.ask([&] { std::this_thread::sleep_for(moment); }).get(); });
}

TEST(Worker, ThrowsWhereItIsWaitedForAndGoesOn) {
  Worker worker;
  auto failed = worker.ask([] { throw Error("no"); });
  auto next = worker.ask([] {});
  EXPECT_NO_THROW(next.get());
  EXPECT_THROW(failed.get(), Error);
}

}  // namespace
}  // namespace seqpe::dist

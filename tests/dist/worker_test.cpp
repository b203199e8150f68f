// Jobs are done in order, beside the thread that asks, and tell what went wrong.
#include "engine/dist/worker.h"

#include <gtest/gtest.h>

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

TEST(Worker, ThrowsWhereItIsWaitedForAndGoesOn) {
  Worker worker;
  auto failed = worker.ask([] { throw Error("no"); });
  auto next = worker.ask([] {});
  EXPECT_NO_THROW(next.get());
  EXPECT_THROW(failed.get(), Error);
}

}  // namespace
}  // namespace seqpe::dist

// What fails on one rank fails on all, as an error of the same kind.
#include "engine/dist/shared_failure.h"

#include <gtest/gtest.h>

#include <new>

#include "tests/support/expect_error.h"
#include "tests/support/thread_ranks.h"

namespace seqpe::dist {
namespace {

/// Rank 1 of three throws `thrown`; the others are told `message`.
template <typename Expected, typename Thrown>
void expect_shared(const Thrown& thrown, const char* own_message, const char* message) {
  test::as_ranks(3, [&](ProcessGroup& ranks) {
    SharedFailure failure;
    failure.attempt([&] {
      if (ranks.rank() == 1) throw thrown;
    });
    failure.attempt([&] { EXPECT_NE(ranks.rank(), 1) << "left out after the first failure"; });
    if (ranks.rank() == 1) {
      test::expect_error<Thrown>([&] { failure.throw_together(ranks); }, own_message);
    } else {
      test::expect_error<Expected>([&] { failure.throw_together(ranks); }, message);
    }
  });
}

TEST(SharedFailure, KeepsItsKind) {
  expect_shared<OutOfMemoryError>(OutOfMemoryError("[cpu] out of memory."), "[cpu] out of memory.",
                                  "rank 1: [cpu] out of memory.");
  expect_shared<DataError>(DataError("[image] a.jpg is cut."), "[image] a.jpg is cut.",
                           "rank 1: [image] a.jpg is cut.");
  expect_shared<Error>(UsageError("[x] no."), "[x] no.", "rank 1: [x] no.");
  expect_shared<OutOfMemoryError>(std::bad_alloc(), "std::bad_alloc",
                                  "rank 1: [cpu] out of memory.");
}

TEST(SharedFailure, IsNoneWhereAllSucceed) {
  test::as_ranks(3, [](ProcessGroup& ranks) {
    SharedFailure failure;
    int done = 0;
    failure.attempt([&] { ++done; });
    EXPECT_NO_THROW(failure.throw_together(ranks));
    EXPECT_EQ(done, 1);
  });
}

TEST(SharedFailure, OfOneProcessIsItsOwn) {
  SharedFailure failure;
  failure.attempt([] { throw DataError("[image] a.jpg is cut."); });
  test::expect_error<DataError>([&] { failure.throw_together(single_process()); },
                                "[image] a.jpg is cut.");
}

TEST(SharedFailure, ALostRankIsTold) {
  SharedFailure failure;
  EXPECT_THROW(failure.attempt([] { throw CommunicationError("[dist] gone."); }),
               CommunicationError)
      << "nobody can be told";
}

}  // namespace
}  // namespace seqpe::dist

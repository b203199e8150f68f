#include "engine/dist/alike.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/thread_ranks.h"

namespace seqpe::dist {
namespace {

TEST(Alike, AnotherRanksFilesAreRefusedByAll) {
  test::as_ranks(3, [](ProcessGroup& ranks) {
    EXPECT_NO_THROW(require_alike(ranks, "weights", "a"));
    test::expect_error<DataError>(
        [&] { require_alike(ranks, "weights", ranks.rank() == 2 ? "b" : "a"); },
        "[dist] all processes must have the same weights, rank 2 has another than rank 0. Hint: "
        "the same files on each host: the data, the run's folder or the checkpoint.");
  });
}

TEST(Alike, OneProcessIsAlike) {
  EXPECT_NO_THROW(require_alike(single_process(), "weights", "a"));
}

}  // namespace
}  // namespace seqpe::dist

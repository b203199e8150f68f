// metrics.jsonl is appended, and cut back to the step from which a run goes on.
#include "engine/train/metrics.h"

#include <sys/resource.h>

#include <csignal>

#include "engine/io/file.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace seqpe::train {
namespace {

struct CutCase {
  std::string before;
  std::int64_t step;
  bool evaluated;
  std::string kept;
};

constexpr const char* kOne = "{\"step\":1,\"loss\":2.5}\n";
constexpr const char* kTwo = "{\"step\":2,\"loss\":2.25}\n";
constexpr const char* kEval = "{\"step\":2,\"eval\":{\"nll\":2.0}}\n";
constexpr const char* kThree = "{\"step\":3,\"loss\":2.125}\n";

TEST(Metrics, AreCutBackToTheResumedStep) {
  const std::string one = kOne, two = kTwo, eval = kEval, three = kThree;
  const CutCase cases[] = {{"", 0, true, ""},
                           {one + two + eval + three, 0, true, ""},
                           {one + two + eval + three, 1, true, one},
                           {one + two + eval + three, 2, true, one + two + eval},
                           {one + two + eval + three, 2, false, one + two},  // to be made again
                           {one + two + eval + three, 3, true, one + two + eval + three},
                           {one + two + "{\"step\":3,\"lo", 3, true, one + two},  // a crash
                           {one + "garbage\n" + two, 3, true, one},
                           {one + "[1]\n" + two, 3, true, one},
                           {one + "{\"step\":\"x\"}\n" + two, 3, true, one}};
  for (const auto& [before, step, evaluated, kept] : cases) {
    const test::TemporaryDirectory folder;
    folder.write("metrics.jsonl", before);
    Metrics metrics(folder / "metrics.jsonl", step, evaluated);
    EXPECT_EQ(io::read_text(folder / "metrics.jsonl"), kept) << before;
    metrics.write({{"step", 9}});  // and is on disk at once
    EXPECT_EQ(io::read_text(folder / "metrics.jsonl"), kept + "{\"step\":9}\n");
  }
}

TEST(Metrics, TellWhereTheyCannotBeWritten) {
  const test::TemporaryDirectory folder;
  test::expect_error_with([&] { Metrics(folder / "missing/metrics.jsonl", 0); },
                          "missing/metrics.jsonl: No such file");
  // No file of this process may have a byte, as on a full disk.
  Metrics metrics(folder / "metrics.jsonl", 0);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit nothing{0, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &nothing), 0);
  const std::string message = test::error_of([&] { metrics.write({{"step", 9}}); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(message, fmt::format("[metrics] cannot write {}: File too large.",
                                 (folder / "metrics.jsonl").string()));
}

}  // namespace
}  // namespace seqpe::train

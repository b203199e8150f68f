#include "tools/seqpe_engine/failures.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/expect_error.h"

namespace seqpe::tools {
namespace {

/// Why an evaluation that gives what `evaluate` gives has no result.
template <typename F>
std::string failure_of(const F& evaluate) {
  train::Log log(train::Verbosity::quiet);
  const auto [result, failure] =
      result_or_failure("size 8", Device::cpu, log, evaluate, [](double loss) { return loss; });
  EXPECT_EQ(result.has_value(), failure.empty());
  return failure;
}

TEST(Failures, AnEvaluationThatFailsSaysWhy) {
  const auto thrown = [](const auto& error) {
    return failure_of([&]() -> double { throw error; });
  };
  EXPECT_EQ(failure_of([] { return 2.5; }), "");
  EXPECT_EQ(failure_of([] { return std::numeric_limits<double>::quiet_NaN(); }), kNotFinite);
  EXPECT_EQ(thrown(OutOfMemoryError("much")), kOutOfMemory);
  EXPECT_EQ(thrown(std::bad_alloc()), kOutOfMemory);
  EXPECT_EQ(thrown(DataError("[image] too small.")), "[image] too small.");
  test::expect_error<ConfigError>([&] { thrown(ConfigError("[config] wrong.")); },
                                  "[config] wrong.");
}

TEST(Failures, AWordFitsACell) {
  EXPECT_STREQ(word_of(kNotFinite), "nan");
  EXPECT_STREQ(word_of(kOutOfMemory), "memory");
  EXPECT_STREQ(word_of("[image] too small."), "data");
}

}  // namespace
}  // namespace seqpe::tools

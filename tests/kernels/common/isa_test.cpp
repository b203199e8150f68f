#include "kernels/common/isa.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "kernels/common/error.h"

namespace seqpe::kernels {
namespace {

/// Says which level is active if SEQPE_ISA is `forced`. The choice is made once a process.
[[noreturn]] void report_active_isa(const char* forced) {
  setenv("SEQPE_ISA", forced, 1);
  try {
    std::fprintf(stderr, "active: %s\n", name_of(active_isa()));
  } catch (const DeviceError& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  std::exit(0);
}

TEST(IsaDeathTest, SeqpeIsaForcesOneOrSaysWhyNot) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  const std::string refused =
      "\\[cpu\\] SEQPE_ISA must be a level that this build holds \\(v[2-4, v]*\\) and this "
      "processor runs, got '";
  for (const char* level : {"v2", "v3", "v4"}) {
    EXPECT_EXIT(report_active_isa(level), testing::ExitedWithCode(0),
                "active: " + std::string(level) + "|" + refused + level + "'");
  }
  EXPECT_EXIT(report_active_isa("avx2"), testing::ExitedWithCode(0), refused + "avx2'");
  // The level of this process is one that can be forced.
  const char* active = name_of(active_isa());
  EXPECT_EXIT(report_active_isa(active), testing::ExitedWithCode(0),
              "active: " + std::string(active));
}

}  // namespace
}  // namespace seqpe::kernels

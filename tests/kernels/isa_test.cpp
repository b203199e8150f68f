#include "kernels/common/isa.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace seqpe::kernels {
namespace {

// This program runs once for every level that is built, with SEQPE_ISA set (tests/CMakeLists.txt).
TEST(Isa, TheForcedOneIsActive) {
  const char* forced = std::getenv("SEQPE_ISA");
  if (forced == nullptr) GTEST_SKIP() << "SEQPE_ISA is not set";
  EXPECT_STREQ(name_of(active_isa()), forced);
}

}  // namespace
}  // namespace seqpe::kernels

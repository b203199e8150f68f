#include "engine/core/version.h"

#include <gtest/gtest.h>

namespace seqpe {
namespace {

TEST(Version, HasThreeNumbers) {
  int major = -1, minor = -1, patch = -1, length = 0;
  EXPECT_EQ(std::sscanf(version(), "%d.%d.%d%n", &major, &minor, &patch, &length), 3);
  EXPECT_EQ(version()[length], '\0') << version();
}

}  // namespace
}  // namespace seqpe

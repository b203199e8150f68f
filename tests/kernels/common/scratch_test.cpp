#include "kernels/common/scratch.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

namespace seqpe::kernels {
namespace {

TEST(Scratch, BlocksAreAlignedAndApart) {
  const Scratch a(1), b(5000), c(5000);
  const auto *first = b.as<char>(), *second = c.as<char>();
  for (const Scratch* scratch : {&a, &b, &c})
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(scratch->as<char>()) % 64, 0u);
  EXPECT_TRUE(first + 5000 <= second || second + 5000 <= first);
}

TEST(Scratch, AReturnedBlockIsUsedAgain) {
  constexpr std::size_t kBytes = 123'456'789;  // a size that no other test left behind
  const void* block = nullptr;
  {
    const Scratch scratch(kBytes);
    block = scratch.as<void>();
  }
  const Scratch smaller(kBytes - 9000);
  EXPECT_EQ(smaller.as<void>(), block);
  // It is lent out: nobody else gets it.
  EXPECT_NE(Scratch(kBytes).as<void>(), block);
}

TEST(Scratch, ABlockKeepsItsWholeSizeWhenALittleIsAsked) {
  constexpr std::size_t kBytes = 234'567'890;
  const void* block = nullptr;
  {
    const Scratch scratch(kBytes);
    block = scratch.as<void>();
  }
  { const Scratch smaller(kBytes * 2 / 3); }
  const Scratch whole(kBytes);
  EXPECT_EQ(whole.as<void>(), block);
}

TEST(Scratch, WaitingBlocksGoBackToTheSystem) {
  Scratch::release_cached();
  const std::size_t before = Scratch::reserved();
  {
    const Scratch scratch(10'000);
    EXPECT_EQ(Scratch::reserved() - before, 12'288u) << "whole pages";
    Scratch::release_cached();
    EXPECT_EQ(Scratch::reserved() - before, 12'288u) << "a block in use stays";
  }
  EXPECT_EQ(Scratch::reserved() - before, 12'288u);
  Scratch::release_cached();
  EXPECT_EQ(Scratch::reserved(), before);
}

TEST(Scratch, NothingAskedNothingGiven) {
  EXPECT_EQ(Scratch(0).as<void>(), nullptr);
}

}  // namespace
}  // namespace seqpe::kernels

#include "kernels/common/block_pool.h"

#include <gtest/gtest.h>

#include <vector>

namespace seqpe::kernels {
namespace {

std::vector<void*> freed;

TEST(BlockPool, GivesTheSmallestThatFits) {
  BlockPool pool;
  char small = 0, large = 0;
  pool.add(&large, 200);
  pool.add(&small, 100);
  EXPECT_EQ(pool.take(50, 1000), nullptr) << "both are in use";
  pool.give_back(&large);
  pool.give_back(&small);
  EXPECT_EQ(pool.take(50, 99), nullptr);
  EXPECT_EQ(pool.take(201, 1000), nullptr);
  EXPECT_EQ(pool.take(50, 100), &small);
  EXPECT_EQ(pool.take(50, 200), &large);
  pool.give_back(&small);
  EXPECT_EQ(pool.take(100, 100), &small) << "its own size, not the one asked for before";
}

TEST(BlockPool, ReleasesWhatWaits) {
  BlockPool pool;
  char used = 0, waiting = 0;
  pool.add(&used, 10);
  pool.add(&waiting, 20);
  pool.give_back(&waiting);
  freed.clear();
  EXPECT_EQ(pool.release([](void* block) { freed.push_back(block); }), 20u);
  EXPECT_EQ(freed, (std::vector<void*>{&waiting}));
  EXPECT_EQ(pool.take(1, 100), nullptr);
  pool.give_back(&used);
  EXPECT_EQ(pool.take(1, 100), &used);
}

}  // namespace
}  // namespace seqpe::kernels

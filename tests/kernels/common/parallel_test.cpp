#include "kernels/common/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace seqpe::kernels {
namespace {

using Chunks = std::vector<std::pair<std::int64_t, std::int64_t>>;

/// The chunks by number, {-1, -1} where one was not visited.
Chunks chunks_of(std::int64_t count, std::int64_t chunk) {
  Chunks chunks(static_cast<std::size_t>((count + chunk - 1) / chunk), {-1, -1});
  parallel_chunks(count, chunk, [&](std::int64_t begin, std::int64_t end) {
    chunks.at(static_cast<std::size_t>(begin / chunk)) = {begin, end};
  });
  return chunks;
}

TEST(ParallelChunks, TheCutDependsOnTheSizesOnly) {
  const int usual = omp_get_max_threads();
  for (const int threads : {1, 2, 5}) {
    omp_set_num_threads(threads);
    EXPECT_EQ(chunks_of(0, 4), Chunks{});
    EXPECT_EQ(chunks_of(3, 4), (Chunks{{0, 3}}));
    EXPECT_EQ(chunks_of(4, 4), (Chunks{{0, 4}}));
    EXPECT_EQ(chunks_of(9, 4), (Chunks{{0, 4}, {4, 8}, {8, 9}}));
  }
  omp_set_num_threads(usual);
}

TEST(ParallelChunks, WhatAChunkThrowsReachesTheCaller) {
  const int usual = omp_get_max_threads();
  for (const int threads : {1, 2, 5}) {
    omp_set_num_threads(threads);
    std::atomic<int> tried = 0;
    try {
      parallel_chunks(20, 1, [&](std::int64_t begin, std::int64_t) {
        ++tried;
        if (begin % 2 == 1) throw std::runtime_error("no memory");
      });
      ADD_FAILURE() << threads << " threads: nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "no memory");
    }
    EXPECT_GE(tried, 2);
  }
  omp_set_num_threads(usual);
}

TEST(ParallelChunks, RunsInOrderInsideAParallelRegion) {
  bool in_order = true;
#pragma omp parallel num_threads(2) reduction(&& : in_order)
  {
    std::int64_t next = 0;
    parallel_chunks(100, 7, [&](std::int64_t begin, std::int64_t end) {
      in_order = in_order && begin == next;
      next = end;
    });
    in_order = in_order && next == 100;
  }
  EXPECT_TRUE(in_order);
}

TEST(ChunkShares, AThreadTakesItsOwnShareThenWhatOthersLeft) {
  ChunkShares shares(7, 3);  // {0, 1}, {2, 3}, {4, 5, 6}
  EXPECT_EQ(shares.take(1), 2);
  EXPECT_EQ(shares.take(0), 0);
  EXPECT_EQ(shares.take(1), 3);
  EXPECT_EQ(shares.take(1), 4);
  EXPECT_EQ(shares.take(2), 5);
  EXPECT_EQ(shares.take(1), 6);
  EXPECT_EQ(shares.take(2), 1);
  for (const int thread : {0, 1, 2}) EXPECT_EQ(shares.take(thread), -1);
}

TEST(ParallelChunks, AThreadThatIsHeldUpLeavesItsChunksToOthers) {
  const int usual = omp_get_max_threads();
  omp_set_num_threads(2);
  std::atomic<int> done = 0;
  std::atomic<bool> in_time = true;
  parallel_chunks(20, 1, [&](std::int64_t begin, std::int64_t) {
    if (begin == 0) {  // until all others are done, its own thread's too
      const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (done < 19 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
      in_time = done == 19;
    }
    ++done;
  });
  omp_set_num_threads(usual);
  EXPECT_TRUE(in_time);
  EXPECT_EQ(done, 20);
}

}  // namespace
}  // namespace seqpe::kernels

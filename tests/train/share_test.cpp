// How a batch is cut among ranks.
#include "engine/train/share.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace seqpe::train {
namespace {

TrainConfig batch_of(std::int64_t batch, std::int64_t micro_batch = 0) {
  TrainConfig config;
  config.batch_size = batch;
  config.micro_batch_size = micro_batch;
  return config;
}

void expect_share(const Share& share, std::int64_t begin, std::int64_t end,
                  std::int64_t micro_batch, std::int64_t part, std::int64_t parts) {
  EXPECT_EQ(share.begin, begin);
  EXPECT_EQ(share.end, end);
  EXPECT_EQ(share.micro_batch, micro_batch);
  EXPECT_EQ(share.part, part);
  EXPECT_EQ(share.parts, parts);
  EXPECT_EQ(share.rows(), end - begin);
}

TEST(Share, OneProcessTakesTheWholeStep) {
  expect_share(share_of_rank(batch_of(12), {}, 0, 1), 0, 12, 12, 0, 1);
  expect_share(share_of_rank(batch_of(12, 4), {}, 0, 1), 0, 12, 4, 0, 1);
}

TEST(Share, RanksTakeRunsOfRows) {
  expect_share(share_of_rank(batch_of(12), {}, 2, 3), 8, 12, 4, 2, 3);
  expect_share(share_of_rank(batch_of(12, 2), {}, 0, 3), 0, 4, 2, 0, 3);
  EXPECT_EQ(share_of_rank(batch_of(12), {}, 1, 3).batch, 12);
  expect_share(share_of_rank(batch_of(12, 12), {}, 0, 3), 0, 4, 4, 0, 3);  // no more than there is
}

TEST(Share, ADeterministicStepHasItsShardsWhateverTheRanks) {
  const dist::DistConfig dist{.deterministic = true, .shards = 4};
  expect_share(share_of_rank(batch_of(12), dist, 0, 1), 0, 12, 3, 0, 1);
  expect_share(share_of_rank(batch_of(12, 3), dist, 1, 2), 6, 12, 3, 0, 1);
  expect_share(share_of_rank(batch_of(12), dist, 3, 4), 9, 12, 3, 0, 1);
}

TEST(Share, WhatCannotBeCutIsRefused) {
  const auto refused = [](const TrainConfig& config, const dist::DistConfig& dist, int size,
                          const char* text) {
    test::expect_error<ConfigError>([&] { share_of_rank(config, dist, 0, size); }, text);
  };
  refused(batch_of(12), {}, 5,
          "[config] the number of processes must divide train.batch_size, got 5 processes and 12 "
          "rows. Hint: --set train.batch_size=15.");
  refused(batch_of(12, 4), {}, 2,
          "[config] train.micro_batch_size must divide the rows of a process, got 4 and 6 "
          "(train.batch_size 12 on 2 processes).");
  const auto shards = [](std::int64_t count) {
    return dist::DistConfig{.deterministic = true, .shards = count};
  };
  refused(
      batch_of(12), {.deterministic = true, .wire = dist::Wire::bf16}, 1,
      "[config] dist.wire must be fp32 with dist.deterministic: what is rounded would depend on "
      "the number of processes; got bf16.");
  refused(batch_of(12), shards(3), 1, "[config] dist.shards must be a power of two, got 3.");
  refused(batch_of(12), shards(8), 1,
          "[config] dist.shards must divide train.batch_size 12, got 8. Hint: --set "
          "train.batch_size=16.");
  refused(batch_of(12), shards(4), 3,
          "[config] the number of processes must divide dist.shards 4 (with dist.deterministic), "
          "got 3. Hint: so many processes or fewer, a power of two; or more dist.shards, which "
          "change the result.");
  refused(batch_of(12, 12), shards(4), 1,
          "[config] train.micro_batch_size must be auto or 3 (train.batch_size 12 in 4 "
          "dist.shards), got 12.");
}

}  // namespace
}  // namespace seqpe::train

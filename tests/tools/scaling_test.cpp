// The model of scaling, by hand and against what others measured.
#include "tools/seqpe_engine/scaling.h"

#include <gtest/gtest.h>

namespace seqpe::tools {
namespace {

TEST(Scaling, AnAllReduceCrossesTheSlowestBus) {
  const Links links{.gpu_gbs = 100, .node_gbs = 40, .latency_us = 0};
  EXPECT_EQ(all_reduce_seconds(1e9, 1, 1, links), 0);
  EXPECT_DOUBLE_EQ(all_reduce_seconds(1e9, 2, 1, links), 0.01);
  EXPECT_DOUBLE_EQ(all_reduce_seconds(1e9, 2, 2, links), 1.5 / 40);
  EXPECT_DOUBLE_EQ(all_reduce_seconds(1e9, 1, 2, {.gpu_gbs = 1, .node_gbs = 40, .latency_us = 0}),
                   1.0 / 40)
      << "no second GPU in a node";
  EXPECT_DOUBLE_EQ(all_reduce_seconds(0, 2, 1, {.latency_us = 7}), 7e-6);
}

// all_reduce_perf on two nodes of eight GPUs, out of place
// (https://github.com/NVIDIA/nccl-tests/issues/319): bytes and microseconds.
TEST(Scaling, TakesTheTimesThatNcclTestsTell) {
  struct Row {
    double bytes, microseconds;
  };
  constexpr Row kRows[] = {{33554432, 1543.4},     {67108864, 3099.2},     {134217728, 5876.9},
                           {268435456, 11435},     {536870912, 22669},     {1073741824, 45390},
                           {4294967296, 181855.0}, {17179869184, 727698.0}};
  const Links links{.node_gbs = 44.3};  // what its largest messages reach
  for (const Row& row : kRows) {
    const double published = row.microseconds * 1e-6;
    const bool is_large = row.bytes >= 2e8;
    EXPECT_NEAR(all_reduce_seconds(row.bytes, 8, 2, links), published,
                (is_large ? 0.01 : 0.1) * published)
        << row.bytes << " bytes";
  }
}

TEST(Scaling, BackwardHidesWhatIsCompleteBeforeItsEnd) {
  const Links links{.gpu_gbs = 100, .node_gbs = 100, .latency_us = 0};
  // On two GPUs 1 GB takes 10 ms.
  const ScaledStep hidden =
      scaled_step({.seconds = 0.1, .gradient_bytes = 5e9, .last_bytes = 1e9}, 2, 1, links);
  EXPECT_DOUBLE_EQ(hidden.all_reduce_seconds, 0.05);
  EXPECT_DOUBLE_EQ(hidden.exposed_seconds, 0.01) << "40 of 60 ms of backward cover the rest";
  EXPECT_DOUBLE_EQ(hidden.efficiency, 0.1 / 0.11);
  const ScaledStep too_much =
      scaled_step({.seconds = 0.1, .gradient_bytes = 9e9, .last_bytes = 1e9}, 2, 1, links);
  EXPECT_DOUBLE_EQ(too_much.exposed_seconds, 0.03);
}

TEST(Scaling, WhatCannotOverlapIsExposed) {
  const Links links{.gpu_gbs = 100, .node_gbs = 100, .latency_us = 0};
  StepShape step{.seconds = 0.1, .gradient_bytes = 5e9};
  EXPECT_DOUBLE_EQ(scaled_step(step, 2, 1, links).exposed_seconds, 0);
  step.gathers_values = true;
  EXPECT_DOUBLE_EQ(scaled_step(step, 2, 1, links).exposed_seconds, 0.025) << "half of 50 ms";
  step.overlap_share = 0;
  EXPECT_DOUBLE_EQ(scaled_step(step, 2, 1, links).exposed_seconds, 0.05);
}

TEST(Scaling, EachMessageHasItsLatency) {
  const Links links{.gpu_gbs = 100, .node_gbs = 100, .latency_us = 10};
  EXPECT_DOUBLE_EQ(all_reduce_seconds(1e9, 2, 1, links, 25), 0.01 + 25 * 1e-5);
}

}  // namespace
}  // namespace seqpe::tools

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

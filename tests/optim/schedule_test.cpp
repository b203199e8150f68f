#include "engine/optim/schedule.h"

#include <gtest/gtest.h>

namespace seqpe::optim {
namespace {

constexpr ScheduleKind kKinds[] = {ScheduleKind::linear, ScheduleKind::cosine,
                                   ScheduleKind::constant};

TEST(Schedule, HandValues) {
  struct Case {
    ScheduleKind kind;
    std::int64_t step;
    double rate;
  };
  // 4 warmup steps from 0.1 to 1, then 8 steps towards 0.2.
  for (const Case& c :
       {Case{ScheduleKind::linear, 0, 0.1}, Case{ScheduleKind::linear, 1, 0.325},
        Case{ScheduleKind::linear, 3, 0.775}, Case{ScheduleKind::linear, 4, 1.0},
        Case{ScheduleKind::linear, 6, 0.8}, Case{ScheduleKind::linear, 11, 0.3},
        Case{ScheduleKind::linear, 12, 0.2}, Case{ScheduleKind::cosine, 0, 0.1},
        Case{ScheduleKind::cosine, 4, 1.0}, Case{ScheduleKind::cosine, 8, 0.6},
        Case{ScheduleKind::cosine, 6, 0.6 + 0.4 * 0.70710678118654752},
        Case{ScheduleKind::cosine, 10, 0.6 - 0.4 * 0.70710678118654752},
        Case{ScheduleKind::cosine, 12, 0.2}, Case{ScheduleKind::constant, 2, 0.55},
        Case{ScheduleKind::constant, 4, 1.0}, Case{ScheduleKind::constant, 11, 1.0}}) {
    const Schedule schedule{.kind = c.kind,
                            .learning_rate = 1.0,
                            .min_learning_rate = 0.2,
                            .warmup_from = 0.1,
                            .warmup_steps = 4,
                            .steps = 12};
    EXPECT_NEAR(schedule.at(c.step), c.rate, 1e-15)
        << "kind " << static_cast<int>(c.kind) << ", step " << c.step;
  }
}

TEST(Schedule, DefaultsStartWarmupAtZeroAndEndAtZero) {
  const Schedule schedule{.learning_rate = 5e-5, .warmup_steps = 4000, .steps = 100000};
  EXPECT_EQ(schedule.at(0), 0.0);
  EXPECT_DOUBLE_EQ(schedule.at(2000), 2.5e-5);
  EXPECT_DOUBLE_EQ(schedule.at(4000), 5e-5);
  EXPECT_DOUBLE_EQ(schedule.at(52000), 2.5e-5);
  EXPECT_GT(schedule.at(99999), 0.0);
  EXPECT_EQ(schedule.at(100000), 0.0);
}

TEST(Schedule, WithoutWarmupStepZeroHasTheWholeRate) {
  for (const ScheduleKind kind : kKinds) {
    EXPECT_EQ((Schedule{.kind = kind, .learning_rate = 3.0, .steps = 10}.at(0)), 3.0);
  }
}

TEST(Schedule, BeyondTheEndItStays) {
  for (const ScheduleKind kind : {ScheduleKind::linear, ScheduleKind::cosine}) {
    const Schedule schedule{
        .kind = kind, .learning_rate = 1.0, .min_learning_rate = 0.25, .steps = 10};
    EXPECT_DOUBLE_EQ(schedule.at(10), 0.25);
    EXPECT_DOUBLE_EQ(schedule.at(1000), 0.25);
  }
}

TEST(Schedule, ADelayHoldsTheFirstRateAndShiftsTheRest) {
  for (const ScheduleKind kind : kKinds) {
    Schedule schedule{.kind = kind, .learning_rate = 1.0, .warmup_steps = 4, .steps = 12};
    const Schedule prompt = schedule;
    schedule.delay = 2;
    for (const std::int64_t step : {0, 1, 2}) EXPECT_EQ(schedule.at(step), prompt.at(0)) << step;
    for (std::int64_t step = 2; step < 14; ++step)
      EXPECT_EQ(schedule.at(step), prompt.at(step - 2)) << step;
  }
}

TEST(Schedule, AFallDuringTheWarmupShowsBehindIt) {
  Schedule schedule{.kind = ScheduleKind::linear,
                    .learning_rate = 1.0,
                    .min_learning_rate = 0.2,
                    .warmup_steps = 4,
                    .steps = 12,
                    .falls_during_warmup = true};
  EXPECT_DOUBLE_EQ(schedule.at(3), 0.75);
  EXPECT_DOUBLE_EQ(schedule.at(4), 0.2 + 0.8 * 2 / 3) << "a third of the 12 steps is over";
  EXPECT_DOUBLE_EQ(schedule.at(9), 0.4);
  EXPECT_DOUBLE_EQ(schedule.at(12), 0.2);
  schedule.kind = ScheduleKind::cosine;
  EXPECT_DOUBLE_EQ(schedule.at(4), 0.8) << "0.2 + 0.4 (1 + cos 60 degrees)";
  EXPECT_DOUBLE_EQ(schedule.at(6), 0.6);
  schedule.kind = ScheduleKind::constant;
  EXPECT_EQ(schedule.at(6), 1.0);
}

TEST(Schedule, WarmupThatTakesAllSteps) {
  for (const ScheduleKind kind : kKinds) {
    const Schedule schedule{.kind = kind, .learning_rate = 1.0, .warmup_steps = 10, .steps = 10};
    EXPECT_DOUBLE_EQ(schedule.at(9), 0.9);
  }
}

TEST(Schedule, FallsMonotonicallyBehindTheWarmup) {
  for (const ScheduleKind kind : {ScheduleKind::linear, ScheduleKind::cosine}) {
    const Schedule schedule{.kind = kind, .learning_rate = 1.0, .warmup_steps = 5, .steps = 50};
    for (std::int64_t step = 5; step < 50; ++step)
      EXPECT_LT(schedule.at(step + 1), schedule.at(step)) << step;
  }
}

}  // namespace
}  // namespace seqpe::optim

// Learning-rate schedules.
#pragma once

#include <cstdint>

namespace seqpe::optim {

enum class ScheduleKind : std::uint8_t { linear, cosine, constant };

struct Schedule {
  ScheduleKind kind = ScheduleKind::linear;
  double learning_rate = 0.0;
  double min_learning_rate = 0.0;
  double warmup_from = 0.0;
  std::int64_t warmup_steps = 0;
  std::int64_t steps = 1;
  // Step k has the rate of step max(k - delay, 0): 1 where an optimiser's rate is set behind its
  // step, as timm does.
  std::int64_t delay = 0;
  // The fall is measured from step 0 instead of from the warmup's end, so that it begins, below
  // learning_rate, where it is at that step.
  bool falls_during_warmup = false;

  /// The rate of step k, counted from 0: a straight line from warmup_from over warmup_steps, then
  /// linear: to min_learning_rate at `steps`; cosine: half a cosine to it; constant: no change.
  double at(std::int64_t k) const;
};

}  // namespace seqpe::optim

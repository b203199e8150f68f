#include "engine/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace seqpe::optim {

double Schedule::at(std::int64_t k) const {
  const std::int64_t step = std::max<std::int64_t>(0, k - delay);
  if (step < warmup_steps) {
    return warmup_from + (learning_rate - warmup_from) * static_cast<double>(step) /
                             static_cast<double>(warmup_steps);
  }
  if (kind == ScheduleKind::constant) return learning_rate;
  const std::int64_t from = falls_during_warmup ? 0 : warmup_steps;
  const auto total = static_cast<double>(std::max<std::int64_t>(1, steps - from));
  const double left = std::clamp(static_cast<double>(steps - step) / total, 0.0, 1.0);
  const double share =
      kind == ScheduleKind::linear ? left : 0.5 * (1.0 - std::cos(std::numbers::pi * left));
  return min_learning_rate + (learning_rate - min_learning_rate) * share;
}

}  // namespace seqpe::optim

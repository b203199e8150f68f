#include "engine/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace seqpe::optim {

double Schedule::at(std::int64_t k) const {
  if (k < warmup_steps) {
    return warmup_from + (learning_rate - warmup_from) * static_cast<double>(k) /
                             static_cast<double>(warmup_steps);
  }
  if (kind == ScheduleKind::constant) return learning_rate;
  const auto total = static_cast<double>(std::max<std::int64_t>(1, steps - warmup_steps));
  const double left = std::clamp(static_cast<double>(steps - k) / total, 0.0, 1.0);
  const double share =
      kind == ScheduleKind::linear ? left : 0.5 * (1.0 - std::cos(std::numbers::pi * left));
  return min_learning_rate + (learning_rate - min_learning_rate) * share;
}

}  // namespace seqpe::optim

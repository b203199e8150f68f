#include "engine/train/updater.h"

#include <cmath>

#include "engine/optim/schedule.h"
#include "kernels/common/error.h"

namespace seqpe::train {

optim::GroupOptions Updater::options_of(const std::string& group, std::int64_t step) const {
  const auto found = config_.groups.find(group);
  require(found != config_.groups.end(), "[train] there are no options of a parameter group '{}'.",
          group);
  const GroupConfig& options = found->second;
  const optim::Schedule schedule{.kind = config_.schedule,
                                 .learning_rate = config_.peak_rate(options),
                                 .min_learning_rate = config_.min_learning_rate,
                                 .warmup_from = config_.warmup_from,
                                 .warmup_steps = config_.warmup_steps,
                                 .steps = config_.steps};
  return {.learning_rate = schedule.at(step),
          .weight_decay = options.weight_decay,
          .clip = options.clip};
}

Update Updater::run(std::int64_t step) {
  for (const auto& group : groups_) group.clear_gradients();
  Update update;
  update.terms = task_.forward_backward(step);
  update.learning_rate = options_of("model", step).learning_rate;
  update.finite = std::isfinite(update.terms.loss);
  for (const auto& group : groups_) {
    group.complete_gradients();
    update.norms.emplace_back(group.name(), group.gradient_norm());
    update.finite = update.finite && std::isfinite(update.norms.back().second);
  }
  if (!update.finite) return update;
  const optim::AdamOptions adam{config_.betas[0], config_.betas[1], config_.eps};
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const optim::GroupOptions options = options_of(groups_[g].name(), step);
    groups_[g].update(options, adam, step + 1,
                      optim::clip_factor(update.norms[g].second, options.clip));
  }
  return update;
}

}  // namespace seqpe::train

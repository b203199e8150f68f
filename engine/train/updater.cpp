#include "engine/train/updater.h"

#include <algorithm>
#include <cmath>

#include "engine/optim/schedule.h"
#include "kernels/common/error.h"
#include "kernels/device.h"

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

PendingUpdate::PendingUpdate(const StepTerms& terms, const std::vector<std::string>& groups,
                             const Tensor& norms, double learning_rate)
    : numbers_([&] {
        std::vector<Tensor> numbers{terms.loss};
        for (const auto& [name, value] : terms.terms) {
          if (value.defined()) numbers.push_back(value);
        }
        numbers.push_back(norms);
        return numbers;
      }()) {
  for (const auto& [name, value] : terms.terms)
    update_.terms.emplace_back(name, value.defined() ? std::optional(0.0) : std::nullopt);
  for (const std::string& group : groups) update_.norms.emplace_back(group, 0.0);
  update_.learning_rate = learning_rate;
  update_.tokens = terms.tokens;
}

Update PendingUpdate::wait() const {
  Update update = update_;
  const std::vector<double> numbers = numbers_.wait();
  auto next = numbers.begin();
  update.loss = *next++;
  for (auto& [name, value] : update.terms) {
    if (value) value = *next++;
  }
  for (auto& [group, norm] : update.norms) norm = *next++;
  update.finite = std::isfinite(update.loss) &&
                  std::all_of(update.norms.begin(), update.norms.end(),
                              [](const auto& norm) { return std::isfinite(norm.second); });
  return update;
}

PendingUpdate Updater::start(std::int64_t step) {
  const kernels::TraceRange trace("step");
  for (const auto& group : groups_) group.clear_gradients();
  const StepTerms terms = task_.forward_backward(step);
  const kernels::TraceRange trace_update("update");
  std::vector<std::string> names;
  std::vector<optim::GroupOptions> options;
  std::vector<double> limits;
  for (const auto& group : groups_) {
    group.complete_gradients();
    names.push_back(group.name());
    options.push_back(options_of(group.name(), step));
    limits.push_back(options.back().clip);
  }
  const Tensor norms = clipping_.decide(limits, terms.loss);
  const optim::AdamOptions adam{config_.betas[0], config_.betas[1], config_.eps};
  for (std::size_t g = 0; g < groups_.size(); ++g)
    groups_[g].update(options[g], adam, step + 1, clipping_.factor(g));
  return {terms, names, norms, options_of("model", step).learning_rate};
}

}  // namespace seqpe::train

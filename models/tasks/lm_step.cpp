#include "models/tasks/lm_step.h"

#include <algorithm>

#include "engine/ops/cross_entropy.h"
#include "engine/ops/loss.h"

namespace seqpe::models {
namespace {

constexpr const char* kIds = "ids";
constexpr const char* kLabels = "labels";
constexpr const char* kLabelShare = "label_share";

/// Of all labels to those that count.
double label_share(const Tensor& labels) {
  const auto values = labels.span<std::int64_t>();
  const auto ignored = std::count(values.begin(), values.end(), ops::kIgnoreIndex);
  const std::int64_t counted = labels.numel() - ignored;
  return static_cast<double>(labels.numel()) /
         static_cast<double>(std::max<std::int64_t>(1, counted));
}

}  // namespace

train::StepInputs step_inputs(const LanguageModel& model, const LmStep& step) {
  train::StepInputs inputs;
  inputs.add(kIds, step.ids);
  inputs.add(kLabels, step.labels);
  inputs.add(kLabelShare, label_share(step.labels));
  add_step(inputs, model, {step.ids.dim(1)}, step.step,
           {step.starts, step.contrastive, step.transfer});
  return inputs;
}

train::StepTerms run_step(const LanguageModel& model, const train::StepInputs& inputs,
                          const nn::Pass& settings, std::int64_t micro_batch) {
  const Tensor &ids = inputs.at(kIds), &labels = inputs.at(kLabels);
  const auto loss_of = [&](std::int64_t begin, std::int64_t end, const Tensor& pe,
                           const nn::Pass& pass) {
    const Tensor hidden = model.gpt().forward(ids.rows(begin, end), pe, {}, pass);
    const ops::CrossEntropy all =
        model.gpt().loss(hidden, labels.rows(begin, end), static_cast<double>(labels.numel()));
    return ops::weighted_sum({{all.loss, 1.0, inputs.at(kLabelShare)}});
  };
  train::StepTerms terms =
      run_step(model, inputs, {ids.dim(1)}, settings, ids.dim(0), micro_batch, loss_of);
  terms.samples = ids.numel();
  return terms;
}

}  // namespace seqpe::models

#include "models/tasks/lm_step.h"

#include <algorithm>

#include "engine/ops/cross_entropy.h"
#include "engine/ops/loss.h"

namespace seqpe::models {
namespace {

constexpr const char* kIds = "ids";
constexpr const char* kLabels = "labels";
constexpr const char* kLabelShare = "label_share";

double share_of(const Tensor& labels) {
  const auto values = labels.span<std::int64_t>();
  const auto ignored = std::count(values.begin(), values.end(), ops::kIgnoreIndex);
  return label_share(labels.numel(), labels.numel() - ignored);
}

}  // namespace

double label_share(std::int64_t labels, std::int64_t counted) {
  return static_cast<double>(labels) / static_cast<double>(std::max<std::int64_t>(1, counted));
}

train::StepInputs step_inputs(const LanguageModel& model, const LmStep& step) {
  train::StepInputs inputs;
  inputs.add(kIds, step.ids);
  inputs.add(kLabels, step.labels);
  inputs.add(kLabelShare, step.label_share ? *step.label_share : share_of(step.labels));
  add_step(inputs, model, {step.ids.dim(1)}, step.step,
           {step.starts, step.contrastive, step.transfer});
  return inputs;
}

train::StepTerms run_step(const LanguageModel& model, const train::StepInputs& inputs,
                          const nn::Pass& settings, train::MicroBatches& micro_batches) {
  const Tensor &ids = inputs.at(kIds), &labels = inputs.at(kLabels);
  const std::int64_t all_labels = micro_batches.share().batch * ids.dim(1);
  const auto loss_of = [&](const train::Rows& rows, const Tensor& pe, const nn::Pass& pass) {
    const Tensor hidden = model.gpt().forward(ids.rows(rows.begin, rows.end), pe, {}, pass);
    const ops::CrossEntropy sum = model.gpt().loss(hidden, labels.rows(rows.begin, rows.end),
                                                   static_cast<double>(all_labels));
    return ops::weighted_sum({{sum.loss, 1.0, inputs.at(kLabelShare)}});
  };
  train::StepTerms terms = run_step(model, inputs, {ids.dim(1)}, settings, micro_batches, loss_of);
  terms.samples = all_labels;
  return terms;
}

}  // namespace seqpe::models

// One optimiser step of a language model: the sequences and positions that were drawn for it, and
// what it computes from them.
#pragma once

#include <optional>
#include <vector>

#include "models/tasks/language_model.h"
#include "models/tasks/step.h"

namespace seqpe::models {

struct LmStep {
  std::int64_t step = 0;
  Tensor ids, labels;                 // i64 [B, N]: the sequences of this rank
  std::optional<double> label_share;  // of the whole step; none: of `labels`
  // Sequence b stands at starts[b mod starts.size()]; of SeqPE alone, others begin at 0.
  std::vector<std::int64_t> starts{0};
  std::optional<ContrastiveSample> contrastive;
  std::optional<TransferSample> transfer;
};

/// All labels to those that count.
double label_share(std::int64_t labels, std::int64_t counted);

/// The step as tensors and sizes, for run_step:
///   ids, labels              i64 [B, N]
///   label_share              f64
///   and what add_step adds (step.h)
train::StepInputs step_inputs(const LanguageModel& model, const LmStep& step);

/// Forward and backward, as run_step of step.h. Inputs on the model's device.
train::StepTerms run_step(const LanguageModel& model, const train::StepInputs& inputs,
                          const nn::Pass& pass, train::MicroBatches& micro_batches);

}  // namespace seqpe::models

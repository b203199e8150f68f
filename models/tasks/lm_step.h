// One optimiser step of a language model: the sequences and positions that were drawn for it, and
// what it computes from them.
#pragma once

#include <optional>
#include <vector>

#include "engine/train/task.h"
#include "models/seqpe/samplers.h"
#include "models/tasks/language_model.h"

namespace seqpe::models {

struct LmStep {
  std::int64_t step = 0;
  Tensor ids, labels;  // i64 [B, N]; the whole batch
  // Sequence b stands at starts[b mod starts.size()]; of SeqPE alone, others begin at 0.
  std::vector<std::int64_t> starts{0};
  std::optional<ContrastiveSample> contrastive;
  std::optional<TransferSample> transfer;
};

/// Share of their weights that the regularisers have: it grows linearly over
/// seqpe.loss_warmup_steps.
double regulariser_warmup(const SeqpeOptions& options, std::int64_t step);

/// The step as tensors and sizes, for run_step:
///   ids, labels              i64 [B, N]
///   label_share              f64: B * N / the labels that count
///   dropout_step             i32: the step's number
///   positions.*              PositionTokens of [main | pivots | candidates | transfer]
///   contrastive.labels, transfer.indices; *.weight  f64, after the warmup
///   sizes: starts, pivots, candidates
train::StepInputs step_inputs(const LanguageModel& model, const LmStep& step);

/// Forward and backward, `micro_batch` sequences at a time: gradients of the total loss add up in
/// the parameters. All positions go through the encoder in one call. Inputs on the model's device.
train::StepTerms run_step(const LanguageModel& model, const train::StepInputs& inputs,
                          const nn::Pass& pass, std::int64_t micro_batch);

}  // namespace seqpe::models

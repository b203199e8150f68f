// What one optimiser step of a language model computes from the sequences and positions that were
// drawn for it.
#pragma once

#include <optional>
#include <vector>

#include "engine/train/task.h"
#include "models/seqpe/samplers.h"
#include "models/tasks/language_model.h"

namespace seqpe::models {

struct LmStep {
  Tensor ids, labels;                   // i64 [B, N]; the whole batch
  std::vector<std::int64_t> starts{0};  // sequence b stands at starts[b mod starts.size()]
  std::optional<ContrastiveSample> contrastive;
  std::optional<TransferSample> transfer;
  nn::Pass pass;
};

/// Share of their weights that the regularisers have: it grows linearly over
/// seqpe.loss_warmup_steps.
double regulariser_warmup(const SeqpeOptions& options, std::int64_t step);

/// Forward and backward, `micro_batch` sequences at a time: gradients of the total loss add up in
/// the parameters. All positions go through the encoder in one call.
train::StepTerms run_step(const LanguageModel& model, const LmStep& step, std::int64_t micro_batch);

}  // namespace seqpe::models

// What a training step of any task does with its positions: they are drawn, encoded in one call,
// serve the micro-batches, and take their gradients back.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "engine/train/task.h"
#include "models/seqpe/training_samplers.h"
#include "models/tasks/task_model.h"

namespace seqpe::models {

/// What of a step the model's configuration gives to this rank.
train::Share share_of_rank(const TaskModel& model, const dist::ProcessGroup& ranks);

/// The samplers of a training on windows of `window`; none but with SeqPE. Throws as
/// TrainingSamplers, and ConfigError where the positions of a step cannot be shared by
/// share.parts.
std::optional<TrainingSamplers> training_samplers(const TaskModel& model, const Extent& window,
                                                  const train::Share& share);

/// A pass of training: with dropout, drawn by train.seed.
nn::Pass training_pass(const TaskModel& model);

/// The positions of a step; of SeqPE alone, other encodings begin at the origin.
struct StepPositions {
  std::vector<std::int64_t> starts;  // of the blocks, as in PositionGrid
  std::optional<ContrastiveSample> contrastive;
  std::optional<TransferSample> transfer;
};

/// Those of step number `step`, whose blocks are windows of one extent: all starts, and of pivots
/// and windows of the transfer the part of `share`.
StepPositions sample_step(TrainingSamplers& samplers, const Extent& window, std::int64_t step,
                          const train::Share& share);

/// Share of their weights that the regularisers have: it grows linearly over
/// seqpe.loss_warmup_steps.
double regulariser_warmup(const SeqpeOptions& options, std::int64_t step);

/// Adds to the inputs of step number `step`, whose tokens stand in windows of `window`, what
/// run_step asks for:
///   dropout_step             i32: the step's number
///   positions.*              PositionTokens of [main | pivots | candidates | transfer]
///   contrastive.labels, transfer.indices; *.weight  f64, after the warmup
///   sizes: starts, pivots, candidates
void add_step(train::StepInputs& inputs, const TaskModel& model, const Extent& window,
              std::int64_t step, const StepPositions& positions);

/// The loss of some rows of the inputs as a part of the whole step's, at embeddings `pe` of the
/// positions.
using MicroBatchLoss =
    std::function<Tensor(const train::Rows& rows, const Tensor& pe, const nn::Pass& pass)>;

/// Forward and backward of a step: gradients of the total loss add up in the parameters. All
/// positions go through the encoder before the first micro-batch, and back after the last. Inputs
/// on the model's device.
train::StepTerms run_step(const TaskModel& model, const train::StepInputs& inputs,
                          const Extent& window, const nn::Pass& settings,
                          train::MicroBatches& micro_batches, const MicroBatchLoss& loss);

}  // namespace seqpe::models

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

/// The samplers of a training on windows of `window`; none but with SeqPE. Throws as
/// TrainingSamplers.
std::optional<TrainingSamplers> training_samplers(const TaskModel& model, const Extent& window);

/// A pass of training: with dropout, drawn by train.seed.
nn::Pass training_pass(const TaskModel& model);

/// The positions of a step; of SeqPE alone, other encodings begin at the origin.
struct StepPositions {
  std::vector<std::int64_t> starts;  // of the blocks, as in PositionGrid
  std::optional<ContrastiveSample> contrastive;
  std::optional<TransferSample> transfer;
};

/// Those of step number `step`, whose blocks are windows of one extent.
StepPositions sample_step(TrainingSamplers& samplers, const Extent& window, std::int64_t step);

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

/// The loss of rows [begin, end) of the batch as a share of the whole step's, at embeddings `pe` of
/// the positions.
using MicroBatchLoss = std::function<Tensor(std::int64_t begin, std::int64_t end, const Tensor& pe,
                                            const nn::Pass& pass)>;

/// Forward and backward of `batch` rows, `micro_batch` at a time: gradients of the total loss add
/// up in the parameters. All positions go through the encoder in one call. Inputs on the model's
/// device.
train::StepTerms run_step(const TaskModel& model, const train::StepInputs& inputs,
                          const Extent& window, const nn::Pass& settings, std::int64_t batch,
                          std::int64_t micro_batch, const MicroBatchLoss& loss);

}  // namespace seqpe::models

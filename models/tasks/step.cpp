#include "models/tasks/step.h"

#include <algorithm>

#include "engine/autograd/backward.h"
#include "engine/ops/loss.h"
#include "engine/ops/rows.h"
#include "kernels/device.h"
#include "models/seqpe/losses.h"

namespace seqpe::models {
namespace {

// Names of inputs, given by add_step and asked for by run_step.
constexpr const char* kDropoutStep = "dropout_step";
constexpr const char* kIndices = "positions.indices";
constexpr const char* kClsIndices = "positions.cls_indices";
constexpr const char* kKeyMask = "positions.key_mask";
constexpr const char* kContrastiveLabels = "contrastive.labels";
constexpr const char* kContrastiveWeight = "contrastive.weight";
constexpr const char* kTransferIndices = "transfer.indices";
constexpr const char* kTransferWeight = "transfer.weight";
constexpr const char* kStarts = "starts";
constexpr const char* kPivots = "pivots";
constexpr const char* kCandidates = "candidates";

template <typename T>
std::int64_t count_of(const std::vector<T>& values) {
  return static_cast<std::int64_t>(values.size());
}

void add_positions(train::StepInputs& inputs, const TaskModel& model, const Extent& window,
                   std::int64_t number, const StepPositions& step) {
  const SeqpeOptions& options = model.config().seqpe;
  const PositionGrid grid{window, step.starts};
  std::vector<std::int64_t> all = positions_of(grid);
  const auto append = [&](const std::vector<std::int64_t>& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  const double warmup = regulariser_warmup(options, number);
  inputs.set_size(kStarts, grid.blocks());
  if (step.contrastive) {
    const ContrastiveSample& sample = *step.contrastive;
    append(sample.pivots);
    append(sample.candidates);
    inputs.set_size(kPivots, count_of(sample.pivots) / options.dimensions);
    inputs.set_size(kCandidates, count_of(sample.candidates) / options.dimensions);
    inputs.add(
        kContrastiveLabels,
        repeated_labels(sample.labels, options.contrastive.per_head ? options.encoder.heads : 1));
    inputs.add(kContrastiveWeight, warmup * options.contrastive.weight);
  }
  if (step.transfer) {
    const TransferSample& sample = *step.transfer;
    append(positions_of(sample, window));
    const std::int64_t windows = count_of(sample.starts) / options.dimensions;
    inputs.add(kTransferIndices,
               Tensor::from({windows, count_of(sample.indices) / windows}, sample.indices));
    inputs.add(kTransferWeight, warmup * options.transfer.weight);
  }
  const PositionTokens tokens = model.seqpe()->encoder().tokenize(all);
  inputs.add(kIndices, tokens.indices);
  if (tokens.cls_indices.defined()) inputs.add(kClsIndices, tokens.cls_indices);
  if (tokens.key_mask.defined()) inputs.add(kKeyMask, tokens.key_mask);
}

/// Position embeddings and the losses on them.
struct EncodedPositions {
  Tensor pe;                     // [starts, T, W], undefined without positions
  Tensor contrastive, transfer;  // undefined without them
};

EncodedPositions encode_positions(const TaskModel& model, const train::StepInputs& inputs,
                                  const Extent& window, const nn::Pass& pass) {
  if (model.seqpe() == nullptr) return {model.position().embed(at_origin(window), pass), {}, {}};
  const std::int64_t length = place_count(window);

  const SeqpeOptions& options = model.config().seqpe;
  const SeqpeEncoder& encoder = model.seqpe()->encoder();
  const auto if_any = [&](const char* name) {
    return inputs.has(name) ? inputs.at(name) : Tensor();
  };
  const Tensor embeddings =
      encoder.forward({inputs.at(kIndices), if_any(kClsIndices), if_any(kKeyMask)}, pass);
  std::int64_t row = 0;
  const auto next = [&](std::int64_t count) {
    const std::int64_t begin = row;
    row += count;
    return ops::slice_rows(embeddings, begin, row);
  };
  const std::int64_t starts = inputs.size(kStarts);
  EncodedPositions out;
  out.pe = next(starts * length).view({starts, length, encoder.out_dim()});
  if (inputs.has(kContrastiveLabels)) {
    const Tensor pivots = next(inputs.size(kPivots)), candidates = next(inputs.size(kCandidates));
    out.contrastive = contrastive_loss(pivots, candidates, inputs.at(kContrastiveLabels),
                                       options.contrastive.logit_scale);
  }
  if (inputs.has(kTransferIndices)) {
    const Tensor& indices = inputs.at(kTransferIndices);
    out.transfer = transfer_loss(ops::slice_rows(embeddings, 0, length), next(indices.numel()),
                                 indices, options.encoder.heads, options.transfer);
  }
  return out;
}

}  // namespace

std::optional<TrainingSamplers> training_samplers(const TaskModel& model, const Extent& window) {
  if (model.seqpe() == nullptr) return std::nullopt;
  const Config& config = model.config();
  return std::optional<TrainingSamplers>(
      std::in_place, config.seqpe, model.seqpe()->encoder().out_dim(), window,
      config.train.batch_size, static_cast<std::uint64_t>(config.train.seed));
}

nn::Pass training_pass(const TaskModel& model) {
  return {.training = true, .seed = static_cast<std::uint64_t>(model.config().train.seed)};
}

StepPositions sample_step(TrainingSamplers& samplers, const Extent& window, std::int64_t step) {
  StepPositions out{.starts = samplers.shift.starts(step)};
  if (samplers.contrastive) out.contrastive = samplers.contrastive->sample(step);
  // The step's window, wherever it begins, is the teacher: with several there is none.
  if (samplers.transfer && out.starts.size() == window.size())
    out.transfer = samplers.transfer->sample(step);
  return out;
}

double regulariser_warmup(const SeqpeOptions& options, std::int64_t step) {
  if (options.loss_warmup_steps == 0) return 1.0;
  return std::min(1.0,
                  static_cast<double>(step + 1) / static_cast<double>(options.loss_warmup_steps));
}

void add_step(train::StepInputs& inputs, const TaskModel& model, const Extent& window,
              std::int64_t step, const StepPositions& positions) {
  inputs.add(kDropoutStep, Tensor::from<std::int32_t>({1}, {static_cast<std::int32_t>(step)}));
  if (model.seqpe() != nullptr) add_positions(inputs, model, window, step, positions);
}

train::StepTerms run_step(const TaskModel& model, const train::StepInputs& inputs,
                          const Extent& window, const nn::Pass& settings, std::int64_t batch,
                          std::int64_t micro_batch, const MicroBatchLoss& loss) {
  nn::Pass pass = settings;
  pass.step_at = inputs.at(kDropoutStep).data_as<std::int32_t>();
  const EncodedPositions positions = [&] {
    const kernels::TraceRange trace("encode positions");
    return encode_positions(model, inputs, window, pass);
  }();
  // For the micro-batches the embeddings are a leaf in which their gradients add up.
  Tensor leaf;
  if (positions.pe.defined()) {
    leaf = positions.pe.detach();
    leaf.set_requires_grad();
  }
  Tensor task_loss = Tensor::zeros({1}, DType::f64, model.device());
  for (std::int64_t begin = 0; begin < batch; begin += micro_batch) {
    const std::int64_t end = std::min(batch, begin + micro_batch);
    pass.first_row = begin;
    const kernels::TraceRange trace("micro-batch");
    const Tensor task = loss(begin, end, leaf, pass);
    autograd::backward(task);
    task_loss = ops::weighted_sum({{task_loss}, {task.detach()}});
  }

  train::StepTerms terms;
  terms.terms.emplace_back("task", task_loss);
  std::vector<ops::WeightedLoss> losses{{task_loss}};
  std::vector<autograd::Root> roots;
  if (leaf.defined() && leaf.grad().defined()) roots.push_back({positions.pe, leaf.grad()});
  const auto add_term = [&](const char* name, const Tensor& term, const char* weight) {
    terms.terms.emplace_back(name, term.detach());
    if (!term.defined()) return;
    losses.push_back({term.detach(), 1.0, inputs.at(weight)});
    roots.push_back({term, inputs.at(weight)});
  };
  if (model.seqpe() != nullptr) {
    add_term("contrastive", positions.contrastive, kContrastiveWeight);
    add_term("transfer", positions.transfer, kTransferWeight);
  }
  terms.loss = ops::weighted_sum(losses);
  const kernels::TraceRange trace("backward of positions");
  if (!roots.empty()) autograd::backward(roots);
  return terms;
}

}  // namespace seqpe::models

#include "models/tasks/lm_step.h"

#include <algorithm>

#include "engine/autograd/backward.h"
#include "engine/ops/cross_entropy.h"
#include "engine/ops/loss.h"
#include "engine/ops/rows.h"
#include "kernels/device.h"
#include "models/seqpe/losses.h"

namespace seqpe::models {
namespace {

// Names of inputs, given by step_inputs and asked for by run_step.
constexpr const char* kIds = "ids";
constexpr const char* kLabels = "labels";
constexpr const char* kLabelShare = "label_share";
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

/// Of all labels to those that count.
double label_share(const Tensor& labels) {
  const auto values = labels.span<std::int64_t>();
  const auto ignored = std::count(values.begin(), values.end(), ops::kIgnoreIndex);
  const std::int64_t counted = labels.numel() - ignored;
  return static_cast<double>(labels.numel()) /
         static_cast<double>(std::max<std::int64_t>(1, counted));
}

void add_positions(train::StepInputs& inputs, const LanguageModel& model, const LmStep& step) {
  const SeqpeOptions& options = model.config().seqpe;
  std::vector<std::int64_t> all = positions_of(line(step.ids.dim(1), step.starts));
  const auto append = [&](const std::vector<std::int64_t>& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  const double warmup = regulariser_warmup(options, step.step);
  inputs.set_size(kStarts, count_of(step.starts));
  if (step.contrastive) {
    const ContrastiveSample& sample = *step.contrastive;
    append(sample.pivots);
    append(sample.candidates);
    inputs.set_size(kPivots, count_of(sample.pivots));
    inputs.set_size(kCandidates, count_of(sample.candidates));
    inputs.add(
        kContrastiveLabels,
        repeated_labels(sample.labels, options.contrastive.per_head ? options.encoder.heads : 1));
    inputs.add(kContrastiveWeight, warmup * options.contrastive.weight);
  }
  if (step.transfer) {
    const TransferSample& sample = *step.transfer;
    append(positions_of(sample, {step.ids.dim(1)}));
    const std::int64_t windows = count_of(sample.starts);
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
struct Positions {
  Tensor pe;                     // [starts, N, W], undefined without positions
  Tensor contrastive, transfer;  // undefined without them
};

Positions encode_positions(const LanguageModel& model, const train::StepInputs& inputs,
                           const nn::Pass& pass) {
  const std::int64_t length = inputs.at(kIds).dim(1);
  if (model.seqpe() == nullptr) return {model.gpt().position().embed(line(length), pass), {}, {}};

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
  Positions out;
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

double regulariser_warmup(const SeqpeOptions& options, std::int64_t step) {
  if (options.loss_warmup_steps == 0) return 1.0;
  return std::min(1.0,
                  static_cast<double>(step + 1) / static_cast<double>(options.loss_warmup_steps));
}

train::StepInputs step_inputs(const LanguageModel& model, const LmStep& step) {
  train::StepInputs inputs;
  inputs.add(kIds, step.ids);
  inputs.add(kLabels, step.labels);
  inputs.add(kLabelShare, label_share(step.labels));
  inputs.add(kDropoutStep, Tensor::from<std::int32_t>({1}, {static_cast<std::int32_t>(step.step)}));
  if (model.seqpe() != nullptr) add_positions(inputs, model, step);
  return inputs;
}

train::StepTerms run_step(const LanguageModel& model, const train::StepInputs& inputs,
                          const nn::Pass& settings, std::int64_t micro_batch) {
  nn::Pass pass = settings;
  pass.step_at = inputs.at(kDropoutStep).data_as<std::int32_t>();
  const Positions positions = [&] {
    const kernels::TraceRange trace("encode positions");
    return encode_positions(model, inputs, pass);
  }();
  // For the micro-batches the embeddings are a leaf in which their gradients add up.
  Tensor leaf;
  if (positions.pe.defined()) {
    leaf = positions.pe.detach();
    leaf.set_requires_grad();
  }
  const Tensor &ids = inputs.at(kIds), &labels = inputs.at(kLabels);
  const std::int64_t batch = ids.dim(0);
  Tensor task_loss = Tensor::zeros({1}, DType::f64, model.device());
  for (std::int64_t begin = 0; begin < batch; begin += micro_batch) {
    const std::int64_t end = std::min(batch, begin + micro_batch);
    pass.first_row = begin;
    const kernels::TraceRange trace("micro-batch");
    const Tensor hidden = model.gpt().forward(ids.rows(begin, end), leaf, {}, pass);
    const ops::CrossEntropy all =
        model.gpt().loss(hidden, labels.rows(begin, end), static_cast<double>(labels.numel()));
    const Tensor task = ops::weighted_sum({{all.loss, 1.0, inputs.at(kLabelShare)}});
    autograd::backward(task);
    task_loss = ops::weighted_sum({{task_loss}, {task.detach()}});
  }

  train::StepTerms terms;
  terms.terms.emplace_back("task", task_loss);
  std::vector<ops::WeightedLoss> losses{{task_loss}};
  terms.tokens = ids.numel();
  std::vector<autograd::Root> roots;
  if (leaf.defined() && leaf.grad().defined()) roots.push_back({positions.pe, leaf.grad()});
  const auto add_term = [&](const char* name, const Tensor& loss, const char* weight) {
    terms.terms.emplace_back(name, loss.detach());
    if (!loss.defined()) return;
    losses.push_back({loss.detach(), 1.0, inputs.at(weight)});
    roots.push_back({loss, inputs.at(weight)});
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

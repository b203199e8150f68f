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

/// Position embeddings and the losses on them.
struct Positions {
  Tensor pe;                     // [starts, N, W], undefined without positions
  Tensor contrastive, transfer;  // undefined without them
};

Positions encode_positions(const LanguageModel& model, const LmStep& step) {
  const std::int64_t length = step.ids.dim(1);
  if (model.seqpe() == nullptr)
    return {model.gpt().position().embed(step.starts, length, step.pass), {}, {}};

  const SeqpeOptions& options = model.config().seqpe;
  const SeqpeEncoder& encoder = model.seqpe()->encoder();
  std::vector<std::int64_t> all = runs_of_positions(step.starts, length);
  const auto append = [&](const std::vector<std::int64_t>& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  const auto main_count = static_cast<std::int64_t>(all.size());
  if (step.contrastive) {
    append(step.contrastive->pivots);
    append(step.contrastive->candidates);
  }
  if (step.transfer) append(positions_of(*step.transfer));

  const Tensor embeddings = encoder.forward(all, step.pass);
  std::int64_t row = main_count;
  const auto next = [&](std::size_t count) {
    const std::int64_t begin = row;
    row += static_cast<std::int64_t>(count);
    return ops::slice_rows(embeddings, begin, row);
  };
  Positions out;
  out.pe = ops::slice_rows(embeddings, 0, main_count)
               .view({static_cast<std::int64_t>(step.starts.size()), length, encoder.out_dim()});
  if (step.contrastive) {
    const ContrastiveSample& sample = *step.contrastive;
    const Tensor pivots = next(sample.pivots.size()), candidates = next(sample.candidates.size());
    const auto count = static_cast<std::int64_t>(sample.labels.size());
    out.contrastive = contrastive_loss(pivots, candidates, Tensor::from({count}, sample.labels),
                                       options.encoder.heads, options.contrastive.per_head,
                                       options.contrastive.logit_scale);
  }
  if (step.transfer) {
    const TransferSample& sample = *step.transfer;
    const auto windows = static_cast<std::int64_t>(sample.starts.size()),
               count = static_cast<std::int64_t>(sample.indices.size()) / windows;
    out.transfer = transfer_loss(
        ops::slice_rows(embeddings, 0, length), next(sample.indices.size()),
        Tensor::from({windows, count}, sample.indices), options.encoder.heads, options.transfer);
  }
  return out;
}

}  // namespace

double regulariser_warmup(const SeqpeOptions& options, std::int64_t step) {
  if (options.loss_warmup_steps == 0) return 1.0;
  return std::min(1.0,
                  static_cast<double>(step + 1) / static_cast<double>(options.loss_warmup_steps));
}

train::StepTerms run_step(const LanguageModel& model, const LmStep& step,
                          std::int64_t micro_batch) {
  const Positions positions = [&] {
    const kernels::TraceRange trace("encode positions");
    return encode_positions(model, step);
  }();
  // For the micro-batches the embeddings are a leaf in which their gradients add up.
  Tensor leaf;
  if (positions.pe.defined()) {
    leaf = positions.pe.detach().view(positions.pe.shape());
    leaf.set_requires_grad();
  }
  std::int64_t counted = 0;
  for (const std::int64_t label : step.labels.span<std::int64_t>())
    counted += label != ops::kIgnoreIndex;
  const auto divisor = static_cast<double>(std::max<std::int64_t>(1, counted));

  Tensor task_loss = Tensor::zeros({1}, DType::f64, model.device());
  nn::Pass pass = step.pass;
  const std::int64_t batch = step.ids.dim(0);
  for (std::int64_t begin = 0; begin < batch; begin += micro_batch) {
    const std::int64_t end = std::min(batch, begin + micro_batch);
    pass.first_row = begin;
    const kernels::TraceRange trace("micro-batch");
    const Tensor hidden = model.gpt().forward(step.ids.rows(begin, end), leaf, {}, pass);
    const ops::CrossEntropy task = model.gpt().loss(hidden, step.labels.rows(begin, end), divisor);
    autograd::backward(task.loss);
    task_loss = ops::weighted_sum({{task_loss, 1.0}, {task.loss.detach(), 1.0}});
  }

  train::StepTerms terms;
  terms.terms.emplace_back("task", task_loss);
  std::vector<std::pair<Tensor, double>> losses{{task_loss, 1.0}};
  terms.tokens = step.ids.numel();
  std::vector<autograd::Root> roots;
  if (leaf.defined() && leaf.grad().defined()) roots.push_back({positions.pe, leaf.grad()});
  const auto add_term = [&](const char* name, const Tensor& loss, double weight) {
    terms.terms.emplace_back(name, loss.detach());
    if (!loss.defined()) return;
    losses.emplace_back(loss.detach(), weight);
    roots.push_back({loss, Tensor::full({1}, weight, DType::f64, loss.device())});
  };
  if (model.seqpe() != nullptr) {
    const SeqpeOptions& options = model.config().seqpe;
    const double factor = regulariser_warmup(options, step.pass.step);
    add_term("contrastive", positions.contrastive, factor * options.contrastive.weight);
    add_term("transfer", positions.transfer, factor * options.transfer.weight);
  }
  terms.loss = ops::weighted_sum(losses);
  const kernels::TraceRange trace("backward of positions");
  if (!roots.empty()) autograd::backward(roots);
  return terms;
}

}  // namespace seqpe::models

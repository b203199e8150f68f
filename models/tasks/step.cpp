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

/// Rows of the encoder's call, and the number of the first of them in the step's global list [main
/// | pivots | candidates | transfer].
struct PositionRun {
  std::int64_t rows, first;
};

/// Part number share.part of share.parts of each list but the first.
std::vector<PositionRun> position_runs(const train::StepInputs& inputs, std::int64_t main,
                                       const train::Share& share) {
  std::vector<PositionRun> runs{{main, 0}};
  std::int64_t before = main;
  const auto add = [&](std::int64_t rows) {
    runs.push_back({rows, before + share.part * rows});
    before += share.parts * rows;
  };
  if (inputs.has(kContrastiveLabels)) {
    add(inputs.size(kPivots));
    add(inputs.size(kCandidates));
  }
  if (inputs.has(kTransferIndices)) add(inputs.at(kTransferIndices).numel());
  return runs;
}

/// One call where dropout draws the same as in the global list: there is none, or the rows are all
/// of it. Else a call a run.
Tensor encode(const SeqpeEncoder& encoder, const PositionTokens& tokens,
              const std::vector<PositionRun>& runs, const nn::Pass& settings, bool at_once) {
  if (at_once) return encoder.forward(tokens, settings);
  std::vector<Tensor> parts;
  std::int64_t begin = 0;
  const auto rows_of = [&](const Tensor& all, std::int64_t count) {
    return all.defined() ? all.rows(begin, begin + count) : Tensor();
  };
  for (const auto& [count, first] : runs) {
    nn::Pass pass = settings;
    pass.first_row = first;
    parts.push_back(
        encoder.forward({rows_of(tokens.indices, count), rows_of(tokens.cls_indices, count),
                         rows_of(tokens.key_mask, count)},
                        pass));
    begin += count;
  }
  return ops::concat_rows(parts);
}

EncodedPositions encode_positions(const TaskModel& model, const train::StepInputs& inputs,
                                  const Extent& window, const nn::Pass& pass,
                                  const train::Share& share) {
  if (model.seqpe() == nullptr) return {model.position().embed(at_origin(window), pass), {}, {}};
  const std::int64_t length = place_count(window);

  const SeqpeOptions& options = model.config().seqpe;
  const SeqpeEncoder& encoder = model.seqpe()->encoder();
  const auto if_any = [&](const char* name) {
    return inputs.has(name) ? inputs.at(name) : Tensor();
  };
  const std::int64_t starts = inputs.size(kStarts);
  const auto& dropout = options.encoder.dropout;
  const bool at_once = share.parts == 1 || (dropout.residual == 0 && dropout.attention == 0);
  const Tensor embeddings =
      encode(encoder, {inputs.at(kIndices), if_any(kClsIndices), if_any(kKeyMask)},
             position_runs(inputs, starts * length, share), pass, at_once);
  std::int64_t row = 0;
  const auto next = [&](std::int64_t count) {
    const std::int64_t begin = row;
    row += count;
    return ops::slice_rows(embeddings, begin, row);
  };
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

/// Part number share.part of share.parts of equally long ones.
void keep_part(std::vector<std::int64_t>& list, const train::Share& share) {
  const auto length = static_cast<std::ptrdiff_t>(count_of(list) / share.parts);
  list = {list.begin() + share.part * length, list.begin() + (share.part + 1) * length};
}

void check_parts(const SeqpeOptions& options, std::int64_t parts) {
  const auto check = [&](const char* key, double weight, std::int64_t count) {
    require<ConfigError>(weight == 0 || count % parts == 0,
                         "[config] the number of processes must divide {}, got {} processes and "
                         "{}. Hint: --set {}={}.",
                         key, parts, count, key, (count / parts + 1) * parts);
  };
  check("seqpe.contrastive.pivots", options.contrastive.weight, options.contrastive.pivots);
  check("seqpe.transfer.starts", options.transfer.weight, options.transfer.starts);
}

}  // namespace

train::Share share_of_rank(const TaskModel& model, const dist::ProcessGroup& ranks) {
  const Config& config = model.config();
  return train::share_of_rank(config.train, config.dist, ranks.rank(), ranks.size());
}

std::optional<TrainingSamplers> training_samplers(const TaskModel& model, const Extent& window,
                                                  const train::Share& share) {
  if (model.seqpe() == nullptr) return std::nullopt;
  const Config& config = model.config();
  check_parts(config.seqpe, share.parts);
  return std::optional<TrainingSamplers>(
      std::in_place, config.seqpe, model.seqpe()->encoder().out_dim(), window,
      config.train.batch_size, static_cast<std::uint64_t>(config.train.seed));
}

nn::Pass training_pass(const TaskModel& model) {
  return {.training = true, .seed = static_cast<std::uint64_t>(model.config().train.seed)};
}

StepPositions sample_step(TrainingSamplers& samplers, const Extent& window, std::int64_t step,
                          const train::Share& share) {
  StepPositions out{.starts = samplers.shift.starts(step)};
  if (samplers.contrastive) {
    out.contrastive = samplers.contrastive->sample(step);
    keep_part(out.contrastive->pivots, share);
    keep_part(out.contrastive->candidates, share);
    keep_part(out.contrastive->labels, share);
  }
  // The step's window, wherever it begins, is the teacher: with several there is none.
  if (samplers.transfer && out.starts.size() == window.size()) {
    out.transfer = samplers.transfer->sample(step);
    keep_part(out.transfer->starts, share);
    keep_part(out.transfer->indices, share);
  }
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
                          const Extent& window, const nn::Pass& settings,
                          train::MicroBatches& micro_batches, const MicroBatchLoss& loss) {
  nn::Pass pass = settings;
  pass.step_at = inputs.at(kDropoutStep).data_as<std::int32_t>();
  const EncodedPositions positions = [&] {
    const kernels::TraceRange trace("encode positions");
    return encode_positions(model, inputs, window, pass, micro_batches.share());
  }();
  // For the micro-batches the embeddings are a leaf in which their gradients add up.
  Tensor leaf;
  if (positions.pe.defined()) {
    leaf = positions.pe.detach();
    leaf.set_requires_grad();
  }
  const Tensor task_loss = micro_batches.run(leaf, [&](const train::Rows& rows) {
    pass.first_row = rows.first;
    return loss(rows, leaf, pass);
  });

  // The regularisers' losses are means over this rank's part of their positions.
  const double part = 1.0 / static_cast<double>(micro_batches.share().parts);
  train::StepTerms terms;
  terms.terms.emplace_back("task", task_loss);
  std::vector<ops::WeightedLoss> losses{{task_loss}};
  std::vector<autograd::Root> roots;
  if (leaf.defined() && leaf.grad().defined()) roots.push_back({positions.pe, leaf.grad()});
  const auto add_term = [&](const char* name, const Tensor& term, const char* weight) {
    if (!term.defined()) {
      terms.terms.emplace_back(name, Tensor());
      return;
    }
    const Tensor share = ops::weighted_sum({{term, part}});
    terms.terms.emplace_back(name, share.detach());
    losses.push_back({share.detach(), 1.0, inputs.at(weight)});
    roots.push_back({share, inputs.at(weight)});
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

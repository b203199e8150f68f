#include "models/tasks/lm_task.h"

#include <algorithm>

#include "engine/autograd/backward.h"
#include "engine/ops/cross_entropy.h"
#include "engine/ops/rows.h"
#include "models/recipes/recipes.h"
#include "models/seqpe/losses.h"
#include "models/tasks/lm_evaluation.h"
#include "models/tasks/lm_files.h"

namespace seqpe::models {
namespace {

Tensor integers(const std::vector<std::int64_t>& values, const Shape& shape) {
  return Tensor::from(shape, values);
}

/// Weight of the regularisers: grows linearly over the warmup.
double warmup_factor(const SeqpeOptions& options, std::int64_t step) {
  if (options.loss_warmup_steps == 0) return 1.0;
  return std::min(1.0,
                  static_cast<double>(step + 1) / static_cast<double>(options.loss_warmup_steps));
}

data::Chunks read_training(const LanguageModel& model) {
  const train::DataConfig& data = model.config().data;
  require<ConfigError>(!data.path.empty(),
                       "[config] data.path must name the training text, it is empty.");
  return data::tokenize_text(read_data(data.path), model.tokenizer(), data.text_options(0));
}

data::Chunks read_validation(const LanguageModel& model) {
  const Config& config = model.config();
  if (config.data.valid_path.empty()) return {};
  data::Chunks chunks = data::tokenize_text(read_data(config.data.valid_path), model.tokenizer(),
                                            config.data.text_options(config.eval.max_lines));
  require<DataError>(!chunks.empty(), "[data] {} must hold at least one token, it holds none.",
                     config.data.valid_path);
  return chunks;
}

}  // namespace

LmTask::LmTask(const LanguageModel& model)
    : LmTask(model, read_training(model), read_validation(model)) {}

LmTask::LmTask(const LanguageModel& model, data::Chunks training, data::Chunks validation)
    : model_(model), training_(std::move(training)), validation_(std::move(validation)) {
  const Config& config = model.config();
  const std::int64_t length = config.data.block_size;
  blocks_ = data::training_blocks(training_, length, config.data.reference_blocks);
  require<DataError>(!blocks_.empty(),
                     "[data] {} must hold at least one block of {} tokens{}, it is too short.",
                     config.data.path, length,
                     config.data.reference_blocks
                         ? " beside the last one of a chunk, which data.reference_blocks drops"
                         : "");
  const auto seed = static_cast<std::uint64_t>(config.train.seed);
  order_.emplace(static_cast<std::int64_t>(blocks_.size()), seed, "data.order");
  if (model.seqpe() == nullptr) return;
  samplers_.emplace(config.seqpe, model.seqpe()->encoder().out_dim(), length,
                    config.train.batch_size, seed);
}

std::int64_t LmTask::training_tokens() const {
  return static_cast<std::int64_t>(blocks_.size()) * model_.config().data.block_size;
}

LmTask::Batch LmTask::batch_of(std::int64_t step) {
  const std::int64_t size = model_.config().train.batch_size,
                     length = model_.config().data.block_size;
  Batch batch{Tensor::empty({size, length}, DType::i64), Tensor::empty({size, length}, DType::i64),
              0};
  for (std::int64_t b = 0; b < size; ++b) {
    const auto& block = blocks_[static_cast<std::size_t>(order_->at(step * size + b))];
    data::fill_block(training_, block, batch.ids.data_as<std::int64_t>() + b * length,
                     batch.labels.data_as<std::int64_t>() + b * length);
  }
  for (const std::int64_t label : batch.labels.span<std::int64_t>())
    batch.counted += label != ops::kIgnoreIndex;
  return batch;
}

/// Main, contrastive and transfer positions go through the encoder in one call.
LmTask::Positions LmTask::positions_of(std::int64_t step, const nn::Pass& pass) {
  const std::int64_t length = model_.config().data.block_size;
  if (model_.seqpe() == nullptr) return {model_.gpt().position().embed({0}, length, pass), {}, {}};

  const SeqpeOptions& options = model_.config().seqpe;
  const SeqpeEncoder& encoder = model_.seqpe()->encoder();
  const std::vector<std::int64_t> starts = samplers_->shift.starts(step);
  std::vector<std::int64_t> all = runs_of_positions(starts, length);
  const auto append = [&](const std::vector<std::int64_t>& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  const auto main_count = static_cast<std::int64_t>(all.size());
  ContrastiveSample contrastive;
  TransferSample transfer;
  if (samplers_->contrastive) {
    contrastive = samplers_->contrastive->sample(step);
    append(contrastive.pivots);
    append(contrastive.candidates);
  }
  const bool transfers = samplers_->transfer && starts.size() == 1;
  if (transfers) {
    transfer = samplers_->transfer->sample(step);
    for (std::size_t i = 0; i < transfer.indices.size(); ++i) {
      all.push_back(transfer.starts[i / static_cast<std::size_t>(options.transfer.indices)] +
                    transfer.indices[i]);
    }
  }

  const Tensor embeddings = encoder.forward(all, pass);
  std::int64_t row = main_count;
  const auto next = [&](std::size_t count) {
    const std::int64_t begin = row;
    row += static_cast<std::int64_t>(count);
    return ops::slice_rows(embeddings, begin, row);
  };
  const Tensor main = ops::slice_rows(embeddings, 0, main_count);
  Positions out;
  out.pe = main.view({static_cast<std::int64_t>(starts.size()), length, encoder.out_dim()});
  if (samplers_->contrastive) {
    const Tensor pivots = next(contrastive.pivots.size()),
                 candidates = next(contrastive.candidates.size());
    out.contrastive = contrastive_loss(
        pivots, candidates, integers(contrastive.labels, {options.contrastive.pivots}),
        options.encoder.heads, options.contrastive.per_head, options.contrastive.logit_scale);
  }
  if (transfers) {
    out.transfer = transfer_loss(
        ops::slice_rows(embeddings, 0, length), next(transfer.indices.size()),
        integers(transfer.indices, {options.transfer.starts, options.transfer.indices}),
        options.encoder.heads, options.transfer);
  }
  return out;
}

train::StepTerms LmTask::forward_backward(std::int64_t step) {
  const Config& config = model_.config();
  nn::Pass pass{.training = true,
                .seed = static_cast<std::uint64_t>(config.train.seed),
                .step = static_cast<std::uint32_t>(step)};
  const Batch batch = batch_of(step);
  const Positions positions = positions_of(step, pass);
  // For the micro-batches the embeddings are a leaf in which their gradients add up.
  Tensor leaf;
  if (positions.pe.defined()) {
    leaf = positions.pe.detach().view(positions.pe.shape());
    leaf.set_requires_grad();
  }

  double task_sum = 0;
  const std::int64_t micro = config.train.micro_batch();
  for (std::int64_t begin = 0; begin < config.train.batch_size; begin += micro) {
    pass.first_row = begin;
    const Tensor hidden =
        model_.gpt().forward(batch.ids.rows(begin, begin + micro), leaf, {}, pass);
    const ops::CrossEntropy task =
        model_.gpt().loss(hidden, batch.labels.rows(begin, begin + micro),
                          static_cast<double>(std::max<std::int64_t>(1, batch.counted)));
    task_sum += task.sum;
    autograd::backward(task.loss);
  }

  train::StepTerms terms;
  const double task_loss = task_sum / static_cast<double>(std::max<std::int64_t>(1, batch.counted));
  terms.loss = task_loss;
  terms.terms.emplace_back("task", task_loss);
  terms.tokens = batch.ids.numel();
  std::vector<autograd::Root> roots;
  if (leaf.defined() && leaf.grad().defined()) roots.push_back({positions.pe, leaf.grad()});
  const auto add_term = [&](const char* name, const std::optional<Tensor>& loss, double weight) {
    if (!loss) return terms.terms.emplace_back(name, std::nullopt), void();
    terms.terms.emplace_back(name, loss->item());
    terms.loss += weight * loss->item();
    roots.push_back({*loss, Tensor::full({1}, weight, loss->dtype())});
  };
  if (model_.seqpe() != nullptr) {
    const double factor = warmup_factor(config.seqpe, step);
    add_term("contrastive", positions.contrastive, factor * config.seqpe.contrastive.weight);
    add_term("transfer", positions.transfer, factor * config.seqpe.transfer.weight);
  }
  if (!roots.empty()) autograd::backward(roots);
  return terms;
}

train::Evaluation LmTask::evaluate(const train::OnEvaluated& on_evaluated) {
  if (validation_.empty()) return {};
  const Config& config = model_.config();
  const std::int64_t length =
      config.eval.lengths.empty() ? config.data.block_size : config.eval.lengths[0];
  const LengthEvaluation result = evaluate_length(model_, validation_, length, on_evaluated);
  return {{result.row()}, result.nll};
}

void LmTask::save(const std::filesystem::path& directory) const {
  save_language_model(model_, directory);
}

void LmTask::load(const std::filesystem::path& directory) {
  check_same_model(model_, directory);
  warn_of_other_data(model_, directory);
  load_weights(model_, directory);
}

}  // namespace seqpe::models

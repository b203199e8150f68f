#include "models/tasks/language_model.h"

#include <algorithm>

#include "engine/autograd/backward.h"
#include "engine/autograd/node.h"
#include "engine/ops/rows.h"
#include "models/recipes/recipes.h"
#include "models/seqpe/losses.h"

namespace seqpe::models {
namespace {

GptOptions gpt_options(const Config& config, std::int64_t vocab_size, DType dtype) {
  const ModelConfig& model = config.model;
  return {.layers = model.layers,
          .width = model.width,
          .heads = model.heads,
          .vocab_size = vocab_size,
          .activation = model.activation == ActivationName::gelu ? ops::Activation::gelu_erf
                                                                 : ops::Activation::gelu_tanh,
          .layer_norm_eps = model.layer_norm_eps,
          .dropout = model.dropout,
          .dtype = dtype};
}

/// No decay on the model's biases and layer norms, nor on the encoder's embeddings and layer norms.
bool decays(const std::string& name, bool encoder) {
  if (encoder)
    return name.find("embed") == std::string::npos && name.find("layernorm") == std::string::npos;
  return !name.ends_with(".bias") && name.find(".ln_") == std::string::npos;
}

Tensor integers(const std::vector<std::int64_t>& values, const Shape& shape) {
  return Tensor::from(shape, values);
}

/// Weight of the regularisers: grows linearly over the warmup.
double warmup_factor(const SeqpeOptions& options, std::int64_t step) {
  if (options.loss_warmup_steps == 0) return 1.0;
  return std::min(1.0,
                  static_cast<double>(step + 1) / static_cast<double>(options.loss_warmup_steps));
}

/// A loss by head cuts an embedding into as many slices as the encoder has heads.
void check_slices(const char* loss, double weight, bool per_head, const SeqpeOptions& seqpe,
                  std::int64_t out_dim) {
  require<ConfigError>(weight == 0 || !per_head || out_dim % seqpe.encoder.heads == 0,
                       "[config] seqpe.{}.per_head needs seqpe.encoder.heads {} to divide an "
                       "embedding's width {}. Hint: "
                       "seqpe.{}.per_head=false, or other heads.",
                       loss, seqpe.encoder.heads, out_dim, loss);
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
  return data::tokenize_text(read_data(config.data.valid_path), model.tokenizer(),
                             config.data.text_options(config.eval.max_lines));
}

}  // namespace

LanguageModel::LanguageModel(const Config& config, std::shared_ptr<const data::Tokenizer> tokenizer,
                             DType dtype)
    : config_(config), tokenizer_(std::move(tokenizer)) {
  const ModelConfig& model = config_.model;
  std::unique_ptr<PositionEncoding> position;
  switch (model.position) {
    case PositionKind::seqpe: {
      auto seqpe = std::make_unique<SeqpePosition>(config_.seqpe, model.layers, model.width,
                                                   model.heads, dtype);
      seqpe_ = seqpe.get();
      config_.seqpe = seqpe->options();
      position = std::move(seqpe);
      break;
    }
    case PositionKind::learned:
      position = std::make_unique<LearnedPosition>(config_.data.block_size, model.width, dtype);
      break;
    case PositionKind::none:
      position = std::make_unique<NoPosition>();
      break;
  }
  gpt_ = std::make_unique<Gpt>(gpt_options(config_, tokenizer_->vocab_size(), dtype),
                               std::move(position));
}

std::vector<nn::Parameter> LanguageModel::parameters() const {
  std::vector<nn::Parameter> all = gpt_->parameters();
  for (nn::Parameter& parameter : all) parameter.decay = decays(parameter.name, false);
  if (seqpe_ == nullptr) return all;
  for (nn::Parameter parameter : seqpe_->encoder().parameters()) {
    parameter.group = "encoder";
    parameter.decay = decays(parameter.name, true);
    all.push_back(std::move(parameter));
  }
  return all;
}

void LanguageModel::initialize(std::uint64_t seed) const {
  gpt_->initialize(seed);
  if (seqpe_ != nullptr) seqpe_->encoder().initialize(seed);
}

void LanguageModel::move_to(Device device) const {
  gpt_->move_to(device);
  if (seqpe_ != nullptr) seqpe_->encoder().move_to(device);
}

Device LanguageModel::device() const {
  return gpt_->parameters()[0].value.device();
}

LmTask::LmTask(const LanguageModel& model)
    : LmTask(model, read_training(model), read_validation(model)) {}

LmTask::LmTask(const LanguageModel& model, data::Chunks training, data::Chunks validation)
    : model_(model), training_(std::move(training)), validation_(std::move(validation)) {
  const Config& config = model.config();
  const std::int64_t length = config.data.block_size;
  blocks_ = data::training_blocks(training_, length, config.data.reference_blocks);
  require<DataError>(!blocks_.empty(),
                     "[data] {} must hold at least one block of {} tokens, it is too short.",
                     config.data.path, length);
  const auto seed = static_cast<std::uint64_t>(config.train.seed);
  order_.emplace(static_cast<std::int64_t>(blocks_.size()), seed, "data.order");
  if (model.seqpe() == nullptr) return;
  const SeqpeOptions& seqpe = config.seqpe;
  const std::int64_t out_dim = model.seqpe()->encoder().out_dim();
  check_slices("contrastive", seqpe.contrastive.weight, seqpe.contrastive.per_head, seqpe, out_dim);
  check_slices("transfer", seqpe.transfer.weight, seqpe.transfer.per_head, seqpe, out_dim);
  shift_.emplace(seqpe.shift, seqpe.max_position, length, config.train.batch_size, seed);
  if (seqpe.contrastive.weight > 0)
    contrastive_.emplace(seqpe.contrastive, seqpe.max_position, seed, seqpe.base);
  if (seqpe.transfer.weight > 0)
    transfer_.emplace(seqpe.transfer, seqpe.max_position, length, seed);
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
  const std::vector<std::int64_t> starts = shift_->starts(step);
  std::vector<std::int64_t> all = runs_of_positions(starts, length);
  const auto append = [&](const std::vector<std::int64_t>& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  const auto main_count = static_cast<std::int64_t>(all.size());
  ContrastiveSample contrastive;
  TransferSample transfer;
  if (contrastive_) {
    contrastive = contrastive_->sample(step);
    append(contrastive.pivots);
    append(contrastive.candidates);
  }
  const bool transfers = transfer_ && starts.size() == 1;
  if (transfers) {
    transfer = transfer_->sample(step);
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
  if (contrastive_) {
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

std::vector<train::EvalRow> LmTask::evaluate(const train::OnEvaluated& on_evaluated) {
  std::vector<train::EvalRow> rows;
  if (validation_.empty()) return rows;
  const Config& config = model_.config();
  rows.push_back(evaluate_length(
      model_, validation_,
      config.eval.lengths.empty() ? config.data.block_size : config.eval.lengths[0], on_evaluated));
  return rows;
}

}  // namespace seqpe::models

#include "models/tasks/lm_task.h"

#include "engine/data/fingerprint.h"
#include "models/recipes/recipes.h"
#include "models/tasks/lm_files.h"
#include "models/tasks/model_files.h"

namespace seqpe::models {
namespace {

data::Chunks read_training(const LanguageModel& model) {
  const DataConfig& data = model.config().data;
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

LmTask::LmTask(const LanguageModel& model, dist::ProcessGroup& ranks)
    : LmTask(model, read_training(model), read_validation(model), ranks) {}

LmTask::LmTask(const LanguageModel& model, data::Chunks training, data::Chunks validation,
               dist::ProcessGroup& ranks)
    : model_(model),
      ranks_(ranks),
      share_(share_of_rank(model, ranks)),
      training_(std::move(training)),
      validation_(std::move(validation)),
      samplers_(training_samplers(model, {model.config().data.block_size}, share_)) {
  const Config& config = model.config();
  const std::int64_t length = config.data.block_size;
  blocks_ = data::training_blocks(training_, length, config.data.reference_blocks);
  require<DataError>(!blocks_.empty(),
                     "[data] {} must hold at least one block of {} tokens{}, it is too short.",
                     config.data.path, length,
                     config.data.reference_blocks
                         ? " beside the last one of a chunk, which data.reference_blocks drops"
                         : "");
  order_.emplace(static_cast<std::int64_t>(blocks_.size()),
                 static_cast<std::uint64_t>(config.train.seed), "data.order");
}

std::string LmTask::data_fingerprint() const {
  return data::fingerprint(training_) + data::fingerprint(validation_);
}

std::int64_t LmTask::training_tokens() const {
  return static_cast<std::int64_t>(blocks_.size()) * model_.config().data.block_size;
}

train::StepInputs LmTask::draw(std::int64_t step) {
  evaluated_.reset();  // here, where every step comes by: a device may play the rest
  const Config& config = model_.config();
  const std::int64_t size = config.train.batch_size, length = config.data.block_size;
  LmStep out{.step = step,
             .ids = Tensor::empty({share_.rows(), length}, DType::i64),
             .labels = Tensor::empty({share_.rows(), length}, DType::i64)};
  std::int64_t counted = 0;
  for (std::int64_t b = 0; b < size; ++b) {
    const auto& block = blocks_[static_cast<std::size_t>(order_->at(step * size + b))];
    counted += data::counted_labels(training_, block);
    if (b < share_.begin || b >= share_.end) continue;
    const std::int64_t row = b - share_.begin;
    data::fill_block(training_, block, out.ids.data_as<std::int64_t>() + row * length,
                     out.labels.data_as<std::int64_t>() + row * length);
  }
  out.label_share = label_share(size * length, counted);
  if (!samplers_) return step_inputs(model_, out);
  StepPositions positions = sample_step(*samplers_, trained_extent(config), step, share_);
  out.starts = std::move(positions.starts);
  out.contrastive = std::move(positions.contrastive);
  out.transfer = std::move(positions.transfer);
  return step_inputs(model_, out);
}

train::StepTerms LmTask::forward_backward(const train::StepInputs& inputs,
                                          train::MicroBatches& micro_batches) {
  return run_step(model_, inputs, training_pass(model_), micro_batches);
}

train::Evaluation LmTask::evaluate(const train::OnEvaluated& on_evaluated) {
  if (validation_.empty()) return {};
  const std::int64_t length = evaluation_lengths(model_.config())[0];
  evaluated_ = evaluate_length(model_, validation_, length, on_evaluated, ranks_);
  return {{evaluated_->row()}, evaluated_->nll};
}

void LmTask::save(const std::filesystem::path& directory) const {
  save_language_model(model_, directory);
}

void LmTask::load(const std::filesystem::path& directory) {
  check_same_model(model_, directory);
  warn_of_other_data(model_, directory);
  load_weights(model_, directory);
  evaluated_.reset();
}

}  // namespace seqpe::models

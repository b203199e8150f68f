// train lm
#include <fmt/format.h>

#include <optional>

#include "engine/ops/cross_entropy.h"
#include "models/tasks/lm_files.h"
#include "models/tasks/lm_generation.h"
#include "models/tasks/lm_task.h"
#include "tools/seqpe_engine/tables.h"
#include "tools/seqpe_engine/training.h"

namespace seqpe::tools {
namespace {

namespace fs = std::filesystem;

class LmTraining final : public Training {
 public:
  explicit LmTraining(const models::Config& config)
      : model_(config, data::load_tokenizer(config.data.tokenizer)) {}

  const models::LanguageModel& model() const override { return model_; }
  void open(dist::ProcessGroup& ranks) override { task_.emplace(model_, ranks); }
  models::LmTask& task() override { return *task_; }

  StepSize step_size(Device device) const override {
    const models::Config& config = model_.config();
    const std::int64_t tokens = task_->share().micro_batch * config.data.block_size,
                       vocab = model_.tokenizer().vocab_size(),
                       rows = ops::rows_of_logits_at_once(tokens, vocab, device);
    return {.told = fmt::format("{} tokens, {} training tokens",
                                config.train.batch_size * config.data.block_size,
                                task_->training_tokens()),
            .tokens = tokens,
            .numbers = static_cast<double>(rows * vocab),  // a chunk of logits
            // The head's gradient before it is added to that of the embedding.
            .bytes = static_cast<double>(config.model.width * vocab) * sizeof(float)};
  }
  void load(const fs::path& weights) const override {
    if (data::holds_tokenizer(weights)) models::check_same_tokenizer(model_, weights);
    models::load_weights(model_, weights);
  }
  void check_same(const fs::path& checkpoint) const override {
    models::check_same_model(model_, checkpoint);
  }

 private:
  models::LanguageModel model_;
  std::optional<models::LmTask> task_;
};

class LmTrainings final : public TrainingKind {
 public:
  const char* name() const override { return "lm"; }
  models::TaskKind task() const override { return models::TaskKind::lm; }
  const char* quick_start() const override { return "quickstart_lm"; }
  std::unique_ptr<Training> make(const models::Config& config, train::Log&) override {
    return std::make_unique<LmTraining>(config);
  }

  void evaluate(Training& training, train::Log& log, dist::ProcessGroup& ranks) override {
    auto& trained = static_cast<LmTraining&>(training);
    const models::LmTask& task = trained.task();
    if (task.validation().empty()) return;
    const models::Config& config = trained.model().config();
    table_.emplace_back(config.model.position, evaluate_lengths(trained.model(), task.validation(),
                                                                models::evaluation_lengths(config),
                                                                log, task.evaluated(), ranks));
    if (sample_.empty() && ranks.is_first())
      sample_ = models::generate(trained.model(), "It was ", 160, 0.8,
                                 static_cast<std::uint64_t>(config.train.seed));
    ranks.barrier();
  }

  void print(const models::Config& config, const fs::path&) const override {
    if (table_.empty()) return;
    fmt::print(
        "Token perplexity on the validation text by evaluation length (trained at {}):\n\n{}\n",
        config.data.block_size, perplexity_table(table_));
    fmt::print("A sample:\n\n{}\n\n", printable(sample_));
  }
  void check_finite() const override {
    for (const auto& [name, results] : table_) require_finite(results);
  }

 private:
  std::vector<std::pair<std::string, std::vector<LengthResult>>> table_;
  std::string sample_;
};

}  // namespace

std::unique_ptr<TrainingKind> language_model_training() {
  return std::make_unique<LmTrainings>();
}

}  // namespace seqpe::tools

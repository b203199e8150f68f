// Training of a language model on a text.
#pragma once

#include <optional>

#include "engine/data/lm_blocks.h"
#include "engine/train/task.h"
#include "models/seqpe/training_samplers.h"
#include "models/tasks/language_model.h"
#include "models/tasks/lm_evaluation.h"
#include "models/tasks/lm_step.h"

namespace seqpe::models {

class LmTask final : public train::Task {
 public:
  /// Reads and tokenises the data that the model's configuration names. `ranks` must outlive this.
  explicit LmTask(const LanguageModel& model, dist::ProcessGroup& ranks = dist::single_process());
  /// The same on tokens at hand.
  LmTask(const LanguageModel& model, data::Chunks training, data::Chunks validation,
         dist::ProcessGroup& ranks = dist::single_process());

  const char* unit() const override { return "tokens"; }
  std::vector<nn::Parameter> parameters() const override { return model_.parameters(); }
  train::StepInputs draw(std::int64_t step) override;
  train::StepTerms forward_backward(const train::StepInputs& inputs,
                                    train::MicroBatches& micro_batches) override;
  train::Evaluation evaluate(const train::OnEvaluated& on_evaluated) override;
  void save(const std::filesystem::path& directory) const override;
  void load(const std::filesystem::path& directory) override;

  std::string data_fingerprint() const override;
  std::int64_t training_tokens() const;
  const train::Share& share() const { return share_; }
  const data::Chunks& validation() const { return validation_; }
  /// The evaluation of the weights as they are; none after a step or another checkpoint.
  const std::optional<LengthEvaluation>& evaluated() const { return evaluated_; }

 private:
  const LanguageModel& model_;
  dist::ProcessGroup& ranks_;
  train::Share share_;
  data::Chunks training_, validation_;
  std::vector<data::Block> blocks_;
  std::optional<data::EpochOrder> order_;
  std::optional<TrainingSamplers> samplers_;  // of SeqPE alone
  std::optional<LengthEvaluation> evaluated_;
};

}  // namespace seqpe::models

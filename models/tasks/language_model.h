// A language model with its tokeniser, built from a configuration, and its training task.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/data/lm_blocks.h"
#include "engine/train/task.h"
#include "models/config/config.h"
#include "models/gpt/gpt.h"
#include "models/seqpe/samplers.h"
#include "models/seqpe/seqpe_position.h"

namespace seqpe::models {

class LanguageModel {
 public:
  LanguageModel(const Config& config, std::shared_ptr<const data::Tokenizer> tokenizer,
                DType dtype = DType::f32);

  const Config& config() const { return config_; }
  const data::Tokenizer& tokenizer() const { return *tokenizer_; }
  Gpt& gpt() const { return *gpt_; }
  /// Null unless model.position is seqpe.
  SeqpePosition* seqpe() const { return seqpe_; }
  /// The model's parameters in group "model", the encoder's in group "encoder", with their
  /// weight-decay rule.
  std::vector<nn::Parameter> parameters() const;
  /// Starts from scratch; on the CPU.
  void initialize(std::uint64_t seed) const;
  void move_to(Device device) const;
  /// Where the parameters are.
  Device device() const;

 private:
  Config config_;
  std::shared_ptr<const data::Tokenizer> tokenizer_;
  SeqpePosition* seqpe_ = nullptr;
  std::unique_ptr<Gpt> gpt_;
};

/// Perplexity of `chunks` at one length, positions from config.eval.start. `on_evaluated` counts
/// blocks.
train::EvalRow evaluate_length(const LanguageModel& model, const data::Chunks& chunks,
                               std::int64_t length, const train::OnEvaluated& on_evaluated = {});

/// Continues `prompt` by `count` tokens drawn at `temperature`; by fewer where the model cannot
/// tell so many positions.
std::string generate(const LanguageModel& model, const std::string& prompt, std::int64_t count,
                     double temperature, std::uint64_t seed);

/// Writes model.safetensors, model_1.safetensors, config.json, pe_config.json, config.yaml and the
/// tokeniser's files.
void save_language_model(const LanguageModel& model, const std::filesystem::path& directory);

/// Throws CheckpointError with the key that differs unless `directory` holds a checkpoint of this
/// very model: what computes its result, not how it is trained.
void check_same_model(const LanguageModel& model, const std::filesystem::path& directory);

/// Reads the weights of a checkpoint folder into a model of the same shape.
void load_weights(const LanguageModel& model, const std::filesystem::path& directory);

/// Opens a checkpoint folder, a run of ours (best, else latest) or a run of the reference
/// (best_model, step_N). `tokenizer`: replaces the checkpoint's own; needed where the folder holds
/// none.
std::unique_ptr<LanguageModel> open_language_model(const std::filesystem::path& path,
                                                   const std::optional<std::string>& tokenizer,
                                                   const std::vector<std::string>& overrides);

/// The folder of the weight files of what open_language_model opens, verified where it is ours.
std::filesystem::path find_weights(const std::filesystem::path& path);

/// SHA-256 of the weight files of what open_language_model opens, in name order.
std::string weights_sha256(const std::filesystem::path& path);

class LmTask final : public train::Task {
 public:
  /// Reads and tokenises the data that the model's configuration names.
  explicit LmTask(const LanguageModel& model);
  /// The same on tokens at hand.
  LmTask(const LanguageModel& model, data::Chunks training, data::Chunks validation);

  std::vector<nn::Parameter> parameters() const override { return model_.parameters(); }
  train::StepTerms forward_backward(std::int64_t step) override;
  std::vector<train::EvalRow> evaluate(const train::OnEvaluated& on_evaluated) override;
  void save(const std::filesystem::path& directory) const override {
    save_language_model(model_, directory);
  }
  void load(const std::filesystem::path& directory) override {
    check_same_model(model_, directory);
    load_weights(model_, directory);
  }

  std::int64_t training_tokens() const;
  const data::Chunks& validation() const { return validation_; }

 private:
  /// Ids and labels of a step's whole batch.
  struct Batch {
    Tensor ids, labels;  // i64 [B, N]
    std::int64_t counted = 0;
  };
  /// The step's position embeddings and the losses on them.
  struct Positions {
    Tensor pe;  // [blocks, N, W], undefined without positions
    std::optional<Tensor> contrastive, transfer;
  };
  Batch batch_of(std::int64_t step);
  Positions positions_of(std::int64_t step, const nn::Pass& pass);

  const LanguageModel& model_;
  data::Chunks training_, validation_;
  std::vector<data::Block> blocks_;
  std::optional<data::EpochOrder> order_;
  std::optional<ShiftSampler> shift_;
  std::optional<ContrastiveSampler> contrastive_;
  std::optional<TransferSampler> transfer_;
};

}  // namespace seqpe::models

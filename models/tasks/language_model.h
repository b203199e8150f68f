// A language model with its tokeniser, built from a configuration.
#pragma once

#include <memory>

#include "engine/data/tokenizer.h"
#include "models/config/config.h"
#include "models/gpt/gpt.h"
#include "models/seqpe/seqpe_position.h"

namespace seqpe::models {

class LanguageModel {
 public:
  LanguageModel(const Config& config, std::shared_ptr<const data::Tokenizer> tokenizer,
                DType dtype = DType::f32);

  const Config& config() const { return config_; }
  const data::Tokenizer& tokenizer() const { return *tokenizer_; }
  const Gpt& gpt() const { return *gpt_; }
  /// Null unless model.position is seqpe.
  const SeqpePosition* seqpe() const { return seqpe_; }
  /// The model's parameters in group "model", the encoder's in group "encoder", with their
  /// weight-decay rule.
  std::vector<nn::Parameter> parameters() const;
  /// Starts from scratch; on the CPU.
  void initialize(std::uint64_t seed) const;
  void move_to(Device device) const;
  /// Where the parameters are.
  Device device() const;
  /// Makes it compute as train.precision says, for evaluation alone: parameters that it rounds are
  /// not to be had unrounded again. In training the updater keeps both.
  void compute_as_trained() const;

 private:
  Config config_;
  std::shared_ptr<const data::Tokenizer> tokenizer_;
  SeqpePosition* seqpe_ = nullptr;
  std::unique_ptr<Gpt> gpt_;
};

}  // namespace seqpe::models

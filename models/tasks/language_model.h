// A language model with its tokeniser, built from a configuration.
#pragma once

#include <memory>

#include "engine/data/tokenizer.h"
#include "models/gpt/gpt.h"
#include "models/tasks/task_model.h"

namespace seqpe::models {

class LanguageModel final : public TaskModel {
 public:
  LanguageModel(const Config& config, std::shared_ptr<const data::Tokenizer> tokenizer,
                DType dtype = DType::f32);

  const nn::Module& body() const override { return *gpt_; }
  const PositionEncoding& position() const override { return gpt_->position(); }
  const data::Tokenizer& tokenizer() const { return *tokenizer_; }
  const Gpt& gpt() const { return *gpt_; }

 private:
  bool decays(const nn::Parameter& parameter) const override;
  bool encoder_decays(const nn::Parameter& parameter) const override;

  std::shared_ptr<const data::Tokenizer> tokenizer_;
  std::unique_ptr<Gpt> gpt_;
};

}  // namespace seqpe::models

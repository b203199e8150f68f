// Perplexity of a language model at any length.
#pragma once

#include "engine/data/lm_blocks.h"
#include "engine/dist/process_group.h"
#include "engine/train/task.h"
#include "models/tasks/language_model.h"

namespace seqpe::models {

/// What a model makes of a text cut into blocks of one length.
struct LengthEvaluation {
  std::int64_t length = 0, blocks = 0;
  std::int64_t longest = 0;            // block that there was: below the length in a short text
  std::int64_t tokens = 0, words = 0;  // predicted; words as the reference counts them
  double nll = 0;                      // mean negative log-likelihood of a token, in nats

  double token_perplexity() const;
  double word_perplexity() const;
  /// For metrics.jsonl and --json.
  train::EvalRow row() const;
};

/// Blocks of config.eval.stride, positions from config.eval.start. `on_evaluated` counts blocks; it
/// is told the same on every rank. The ranks share the work, the result is that of one.
LengthEvaluation evaluate_length(const LanguageModel& model, const data::Chunks& chunks,
                                 std::int64_t length, const train::OnEvaluated& on_evaluated = {},
                                 dist::ProcessGroup& ranks = dist::single_process());

}  // namespace seqpe::models

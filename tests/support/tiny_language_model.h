// Language models of bytes that take milliseconds, and one whose probabilities are known.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "models/tasks/language_model.h"

namespace seqpe::test {

/// Settings of one layer of width 8 and of as small an encoder, then `more`.
inline std::vector<std::string> tiny_settings(const std::vector<std::string>& more = {}) {
  std::vector<std::string> settings{"model.layers=1",
                                    "model.width=8",
                                    "model.heads=2",
                                    "seqpe.encoder.width=8",
                                    "seqpe.encoder.heads=2",
                                    "seqpe.encoder.layers=1",
                                    "data.block_size=8",
                                    "train.batch_size=4",
                                    "seqpe.shift.blocks=2",
                                    "seqpe.contrastive.pivots=2",
                                    "seqpe.contrastive.candidates=4",
                                    "seqpe.transfer.starts=2",
                                    "seqpe.transfer.indices=4",
                                    "data.path=builtin:tale_of_two_cities_valid.txt"};
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

/// With weights that are drawn from one seed.
inline models::LanguageModel tiny_language_model(const std::vector<std::string>& more = {},
                                                 DType dtype = DType::f64) {
  models::LanguageModel model(models::load_model_config({}, tiny_settings(more)),
                              data::make_byte_tokenizer(), dtype);
  model.initialize(3);
  return model;
}

/// A model without positions whose logits are ln(weight) at every token, a byte that is not named
/// having weight 1: the last layer norm answers (1, 0, 0, ...), and the first column of the head
/// holds the logits.
inline models::LanguageModel unigram_model(const std::map<char, double>& weights,
                                           std::vector<std::string> more = {}) {
  more.emplace_back("model.position=none");
  models::LanguageModel model = tiny_language_model(more);
  for (const nn::Parameter& parameter : model.parameters()) parameter.value.clear();
  model.gpt().parameter("transformer.ln_f.bias").data_as<double>()[0] = 1;
  const Tensor head = model.gpt().parameter("transformer.wte.weight");
  for (const auto& [byte, weight] : weights)
    head.data_as<double>()[static_cast<unsigned char>(byte) * head.dim(1)] = std::log(weight);
  return model;
}

}  // namespace seqpe::test

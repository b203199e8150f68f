// Text drawn from a language model.
#pragma once

#include <string>

#include "models/tasks/language_model.h"

namespace seqpe::models {

/// Continues `prompt` by `count` tokens drawn at `temperature`; by fewer where the model cannot
/// tell so many positions.
std::string generate(const LanguageModel& model, const std::string& prompt, std::int64_t count,
                     double temperature, std::uint64_t seed);

}  // namespace seqpe::models

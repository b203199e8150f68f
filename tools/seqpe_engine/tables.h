// Results as text tables.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/train/task.h"

namespace seqpe::tools {

/// A line a length: token and word perplexity, tokens, blocks.
std::string evaluation_table(const std::vector<train::EvalRow>& rows);

/// A row a model, a column a length, token perplexity in the cells.
std::string perplexity_table(
    const std::vector<std::pair<std::string, std::vector<train::EvalRow>>>& models);

/// The value of that name in a row.
double value_of(const train::EvalRow& row, const std::string& name);

}  // namespace seqpe::tools

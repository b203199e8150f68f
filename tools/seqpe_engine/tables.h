// Results as text tables.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tools/seqpe_engine/lengths.h"

namespace seqpe::tools {

/// A line a length: token and word perplexity, tokens, blocks.
std::string evaluation_table(const std::vector<LengthResult>& results);

/// A row a model, a column a length, token perplexity in the cells.
std::string perplexity_table(
    const std::vector<std::pair<std::string, std::vector<LengthResult>>>& models);

}  // namespace seqpe::tools

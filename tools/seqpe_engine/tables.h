// Results as text.
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

/// What a terminal may be given of text that a model made: control bytes but tab and newline, and
/// bytes that are no UTF-8, become U+FFFD.
std::string printable(const std::string& text);

}  // namespace seqpe::tools

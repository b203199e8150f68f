#include "tools/seqpe_engine/tables.h"

#include <fmt/format.h>

#include <string_view>

#include "engine/data/utf8.h"

namespace seqpe::tools {

namespace {

/// A perplexity in `digits` places; one beyond a million, of a model that knows nothing, in powers.
std::string perplexity(double value, int digits) {
  return value < 1e6 ? fmt::format("{:.{}f}", value, digits) : fmt::format("{:.5g}", value);
}

}  // namespace

std::string evaluation_table(const std::vector<LengthResult>& results) {
  std::string out = fmt::format("{:>8} {:>12} {:>12} {:>10} {:>10} {:>8}\n", "length", "token ppl",
                                "word ppl", "nll", "tokens", "blocks");
  for (const auto& [length, evaluation, failure] : results) {
    if (!evaluation) {
      out += fmt::format("{:>8} {}\n", length, failure);
      continue;
    }
    out += fmt::format("{:>8} {:>12} {:>12} {:>10.5f} {:>10} {:>8}\n", length,
                       perplexity(evaluation->token_perplexity(), 4),
                       perplexity(evaluation->word_perplexity(), 4), evaluation->nll,
                       evaluation->tokens, evaluation->blocks);
  }
  return out;
}

std::string perplexity_table(
    const std::vector<std::pair<std::string, std::vector<LengthResult>>>& models) {
  std::string out = fmt::format("{:<12}", "positions");
  for (const auto& result : models.at(0).second) out += fmt::format(" {:>9}", result.length);
  out += "\n";
  for (const auto& [name, results] : models) {
    out += fmt::format("{:<12}", name);
    for (const auto& result : results) {
      out += result.evaluation
                 ? fmt::format(" {:>9}", perplexity(result.evaluation->token_perplexity(), 2))
                 : fmt::format(" {:>9}", word_of(result.failure));
    }
    out += "\n";
  }
  return out;
}

std::string printable(const std::string& text) {
  constexpr const char* kReplacement = "\xEF\xBF\xBD";
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view rest = std::string_view(text).substr(i);
    const std::size_t length = data::utf8_length(rest);
    const auto byte = [&](std::size_t n) { return static_cast<unsigned char>(rest[n]); };
    const bool control = (length == 1 && (byte(0) < 0x20 || byte(0) == 0x7F) && rest[0] != '\n' &&
                          rest[0] != '\t') ||
                         (length == 2 && byte(0) == 0xC2 && byte(1) < 0xA0);
    const bool good = length > 0 && !control;
    out += good ? rest.substr(0, length) : kReplacement;
    i += good ? length : 1;
  }
  return out;
}

}  // namespace seqpe::tools

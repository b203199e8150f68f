#include "tools/seqpe_engine/tables.h"

#include <fmt/format.h>

namespace seqpe::tools {

std::string evaluation_table(const std::vector<LengthResult>& results) {
  std::string out = fmt::format("{:>8} {:>12} {:>12} {:>10} {:>10} {:>8}\n", "length", "token ppl",
                                "word ppl", "nll", "tokens", "blocks");
  for (const auto& [length, evaluation] : results) {
    if (!evaluation) {
      out += fmt::format("{:>8} out of memory\n", length);
      continue;
    }
    out += fmt::format("{:>8} {:>12.4f} {:>12.4f} {:>10.5f} {:>10} {:>8}\n", length,
                       evaluation->token_perplexity(), evaluation->word_perplexity(),
                       evaluation->nll, evaluation->tokens, evaluation->blocks);
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
      out += result.evaluation ? fmt::format(" {:>9.2f}", result.evaluation->token_perplexity())
                               : fmt::format(" {:>9}", "memory");
    }
    out += "\n";
  }
  return out;
}

std::string printable(const std::string& text) {
  constexpr const char* kReplacement = "\xEF\xBF\xBD";
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // The length that a leading byte tells; continuation bytes are 10xxxxxx.
    const std::size_t length = byte < 0x80                    ? 1
                               : byte >= 0xC2 && byte <= 0xDF ? 2
                               : byte >= 0xE0 && byte <= 0xEF ? 3
                               : byte >= 0xF0 && byte <= 0xF4 ? 4
                                                              : 0;
    bool good = length > 0 && i + length <= text.size();
    for (std::size_t n = 1; good && n < length; ++n)
      good = (static_cast<unsigned char>(text[i + n]) & 0xC0) == 0x80;
    if (length == 1) good = (byte >= 0x20 && byte != 0x7F) || byte == '\n' || byte == '\t';
    out += good ? text.substr(i, length) : std::string(kReplacement);
    i += good ? length : 1;
  }
  return out;
}

}  // namespace seqpe::tools

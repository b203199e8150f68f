#include "tools/seqpe_engine/tables.h"

#include <fmt/format.h>

#include "kernels/common/error.h"

namespace seqpe::tools {

double value_of(const train::EvalRow& row, const std::string& name) {
  for (const auto& [key, value] : row) {
    if (key == name) return value;
  }
  throw Error(fmt::format("[table] a row must hold '{}'.", name));
}

std::string evaluation_table(const std::vector<train::EvalRow>& rows) {
  std::string out = fmt::format("{:>8} {:>12} {:>12} {:>10} {:>10} {:>8}\n", "length", "token ppl",
                                "word ppl", "nll", "tokens", "blocks");
  for (const train::EvalRow& row : rows) {
    out +=
        fmt::format("{:>8.0f} {:>12.4f} {:>12.4f} {:>10.5f} {:>10.0f} {:>8.0f}\n",
                    value_of(row, "length"), value_of(row, "token_ppl"), value_of(row, "word_ppl"),
                    value_of(row, "nll"), value_of(row, "tokens"), value_of(row, "blocks"));
  }
  return out;
}

std::string perplexity_table(
    const std::vector<std::pair<std::string, std::vector<train::EvalRow>>>& models) {
  std::string out = fmt::format("{:<12}", "positions");
  for (const train::EvalRow& row : models.at(0).second)
    out += fmt::format(" {:>9.0f}", value_of(row, "length"));
  out += "\n";
  for (const auto& [name, rows] : models) {
    out += fmt::format("{:<12}", name);
    for (const train::EvalRow& row : rows)
      out += fmt::format(" {:>9.2f}", value_of(row, "token_ppl"));
    out += "\n";
  }
  return out;
}

}  // namespace seqpe::tools

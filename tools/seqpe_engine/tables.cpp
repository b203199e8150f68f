#include "tools/seqpe_engine/tables.h"

#include <fmt/format.h>

#include "kernels/common/error.h"

namespace seqpe::tools {
namespace {

double value_of(const train::EvalRow& row, const std::string& name) {
  for (const auto& [key, value] : row) {
    if (key == name) return value;
  }
  throw Error(fmt::format("[table] a row must hold '{}'.", name));
}

}  // namespace

std::string evaluation_table(const std::vector<LengthResult>& results) {
  std::string out = fmt::format("{:>8} {:>12} {:>12} {:>10} {:>10} {:>8}\n", "length", "token ppl",
                                "word ppl", "nll", "tokens", "blocks");
  for (const auto& [length, row] : results) {
    if (!row) {
      out += fmt::format("{:>8} out of memory\n", length);
      continue;
    }
    out += fmt::format("{:>8} {:>12.4f} {:>12.4f} {:>10.5f} {:>10.0f} {:>8.0f}\n", length,
                       value_of(*row, "token_ppl"), value_of(*row, "word_ppl"),
                       value_of(*row, "nll"), value_of(*row, "tokens"), value_of(*row, "blocks"));
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
      out += result.row ? fmt::format(" {:>9.2f}", value_of(*result.row, "token_ppl"))
                        : fmt::format(" {:>9}", "memory");
    }
    out += "\n";
  }
  return out;
}

}  // namespace seqpe::tools

// The options of `bench kernels`, the same for the command and for the program that it starts.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace seqpe::costs {

struct Options {
  std::string only;  // a part of the name; empty: all
  bool emulated = false, launches = false, lines = false, json = false;
};

inline void add_options(CLI::App& command, Options& options) {
  command.add_flag("--emulated", options.emulated, "On the SIMT emulator: counts, no times")
      ->required();
  command.add_option("--only", options.only, "Kernels with this in their name; default: all");
  command.add_flag("--launches", options.launches, "The launches of each kernel too");
  command.add_flag("--lines", options.lines, "The lines that access memory too");
  command.add_flag("--json", options.json, "One JSON object on stdout");
}

/// The options as words of a command line.
inline std::vector<std::string> words_of(const Options& options) {
  std::vector<std::string> words;
  if (options.emulated) words.emplace_back("--emulated");
  if (!options.only.empty()) words.insert(words.end(), {"--only", options.only});
  if (options.launches) words.emplace_back("--launches");
  if (options.lines) words.emplace_back("--lines");
  if (options.json) words.emplace_back("--json");
  return words;
}

}  // namespace seqpe::costs

// The options of `bench kernels`, the same for the command and for the programs that it starts.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "tools/whole_number.h"

namespace seqpe::costs {

inline constexpr int kMostRepeats = 100'000;  // each keeps two events until the last one ran

struct Options {
  std::string only;    // a part of the name; empty: all
  std::string device;  // "cuda": times; empty: counts
  int repeats = 20;
  bool emulated = false, launches = false, lines = false, json = false;
};

inline void add_options(CLI::App& command, Options& options) {
  CLI::Option* emulated =
      command.add_flag("--emulated", options.emulated, "On the SIMT emulator: counts, no times");
  CLI::Option* device =
      command.add_option("--device", options.device, "On a GPU: times, no counts")
          ->check(CLI::IsMember({"cuda"}))
          ->excludes(emulated);
  command.add_option("--repeats", options.repeats, "Timed calls of each kernel; default 20")
      ->check(tools::from_to(1, kMostRepeats))
      ->needs(device);
  command.add_option("--only", options.only, "Kernels with this in their name; default: all");
  command.add_flag("--launches", options.launches, "The launches of each kernel too")
      ->needs(emulated);
  command.add_flag("--lines", options.lines, "The lines that access memory too")->needs(emulated);
  command.add_flag("--json", options.json, "One JSON object on stdout");
}

/// The options as words of a command line.
inline std::vector<std::string> words_of(const Options& options) {
  std::vector<std::string> words;
  if (options.emulated) words.emplace_back("--emulated");
  if (!options.device.empty()) {
    words.insert(words.end(),
                 {"--device", options.device, "--repeats", std::to_string(options.repeats)});
  }
  if (!options.only.empty()) words.insert(words.end(), {"--only", options.only});
  if (options.launches) words.emplace_back("--launches");
  if (options.lines) words.emplace_back("--lines");
  if (options.json) words.emplace_back("--json");
  return words;
}

}  // namespace seqpe::costs

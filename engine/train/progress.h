// The lines of a run: metrics.jsonl for programs, progress on stderr for people.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/train/task.h"

namespace seqpe::train {

/// RUN/metrics.jsonl: one JSON object a line. Opened for a resumed run it is cut back to the lines
/// up to `step`.
class Metrics {
 public:
  Metrics(const std::filesystem::path& path, std::int64_t step);
  void write(const nlohmann::ordered_json& line);

 private:
  std::ofstream file_;
};

/// A bar that redraws itself on a terminal; a line every `every` steps elsewhere (NO_COLOR,
/// TERM=dumb, a pipe).
class Progress {
 public:
  Progress(std::int64_t first_step, std::int64_t steps, std::int64_t every, bool quiet);
  void step(std::int64_t step, const StepTerms& terms, const std::string& norms,
            double learning_rate);
  /// A line that stays.
  void say(const std::string& line);
  double seconds() const;

 private:
  bool bar_ = false, quiet_ = false, drawn_ = false;
  std::int64_t first_step_, steps_, every_, tokens_ = 0;
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace seqpe::train

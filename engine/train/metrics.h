// The lines of a run that programs read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace seqpe::train {

/// The name of a group's gradient norm: "grad_norm", "encoder_grad_norm".
std::string norm_name(const std::string& group);

/// RUN/metrics.jsonl: one JSON object a line. Opened for a resumed run it is cut back to the lines
/// up to `step`, less those of its evaluation if that is to come (`evaluated` false).
class Metrics {
 public:
  Metrics(const std::filesystem::path& path, std::int64_t step, bool evaluated = true);
  void write(const nlohmann::ordered_json& line);

 private:
  std::filesystem::path path_;
  std::ofstream file_;
};

}  // namespace seqpe::train

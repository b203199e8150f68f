#include "engine/train/metrics.h"

#include "engine/io/file.h"

namespace seqpe::train {

Metrics::Metrics(const std::filesystem::path& path, std::int64_t step, bool evaluated)
    : path_(path) {
  if (std::filesystem::exists(path)) {
    const std::string text = io::read_text<Error>(path);
    std::string kept;
    // A crash may have left half a line at the end.
    for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      const std::string line = text.substr(begin, end - begin + 1);
      const auto parsed = nlohmann::json::parse(line, nullptr, false);
      if (!parsed.is_object() || !parsed.contains("step") || !parsed["step"].is_number_integer())
        break;
      const auto line_step = parsed["step"].get<std::int64_t>();
      if (line_step > step || (line_step == step && !evaluated && parsed.contains("eval"))) break;
      kept += line;
    }
    io::write_file_atomic(path, kept);
  }
  file_.open(path, std::ios::app);
  require(file_.good(), "[metrics] cannot write {}: {}.", path.string(), io::system_error());
}

void Metrics::write(const nlohmann::ordered_json& line) {
  file_ << line.dump() << '\n' << std::flush;
  require(file_.good(), "[metrics] cannot write {}: {}.", path_.string(), io::system_error());
}

std::string norm_name(const std::string& group) {
  return group == "model" ? "grad_norm" : group + "_grad_norm";
}

}  // namespace seqpe::train

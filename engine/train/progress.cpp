#include "engine/train/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "engine/io/file.h"

namespace seqpe::train {
namespace {

bool is_terminal() {
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  return ::isatty(STDERR_FILENO) != 0 && !dumb && std::getenv("NO_COLOR") == nullptr;
}

std::string duration(double seconds) {
  const auto total = static_cast<long>(seconds + 0.5);
  if (total >= 3600) return fmt::format("{}h{:02d}m", total / 3600, total / 60 % 60);
  return fmt::format("{}m{:02d}s", total / 60, total % 60);
}

}  // namespace

Metrics::Metrics(const std::filesystem::path& path, std::int64_t step) {
  std::string kept;
  if (std::filesystem::exists(path)) {
    const std::string text = io::read_text(path);
    for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      const std::string line = text.substr(begin, end - begin + 1);
      const auto parsed = nlohmann::json::parse(line, nullptr, false);
      if (parsed.is_discarded() || parsed.value("step", std::int64_t{0}) > step) break;
      kept += line;
    }
    io::write_file_atomic(path, kept);
  }
  file_.open(path, std::ios::app);
  require(file_.good(), "[metrics] cannot write {}: {}.", path.string(), io::system_error());
}

void Metrics::write(const nlohmann::ordered_json& line) {
  file_ << line.dump() << '\n' << std::flush;
  require(file_.good(), "[metrics] cannot write metrics.jsonl: {}.", io::system_error());
}

Progress::Progress(std::int64_t first_step, std::int64_t steps, std::int64_t every, bool quiet)
    : bar_(is_terminal()),
      quiet_(quiet),
      first_step_(first_step),
      steps_(steps),
      every_(every),
      begin_(std::chrono::steady_clock::now()) {}

double Progress::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

void Progress::step(std::int64_t step, const StepTerms& terms, const std::string& norms,
                    double learning_rate) {
  tokens_ += terms.tokens;
  if (quiet_ || (!bar_ && step % every_ != 0 && step != steps_)) return;
  const double elapsed = seconds();
  const double left =
      elapsed / static_cast<double>(step - first_step_) * static_cast<double>(steps_ - step);
  std::string line = fmt::format("step {}/{} loss {:.4f}", step, steps_, terms.loss);
  for (const auto& [name, value] : terms.terms) {
    if (value) line += fmt::format(" {} {:.4f}", name, *value);
  }
  line += fmt::format("{} lr {:.2e} {:.0f} tok/s ETA {}", norms, learning_rate,
                      static_cast<double>(tokens_) / elapsed, duration(left));
  if (!bar_) {
    fmt::print(stderr, "{}\n", line);
    return;
  }
  constexpr std::int64_t kWidth = 20;
  const auto done = static_cast<std::size_t>(kWidth * step / steps_);
  fmt::print(stderr, "\r\x1b[K[{}{}] {}", std::string(done, '#'), std::string(kWidth - done, '.'),
             line);
  drawn_ = true;
  if (step == steps_) say("");
  std::fflush(stderr);
}

void Progress::say(const std::string& line) {
  if (quiet_) return;
  if (drawn_) fmt::print(stderr, "\n");
  drawn_ = false;
  if (!line.empty()) fmt::print(stderr, "{}\n", line);
}

}  // namespace seqpe::train

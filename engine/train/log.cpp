#include "engine/train/log.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <cmath>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "engine/core/message.h"
#include "engine/io/file.h"

namespace seqpe::train {
namespace {

constexpr std::int64_t kBarWidth = 20;

bool is_terminal() {
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  const char* no_color = std::getenv("NO_COLOR");
  const bool plain = no_color != nullptr && *no_color != '\0';
  return ::isatty(STDERR_FILENO) != 0 && !dumb && !plain;
}

/// A longer line would wrap, and the next one could not be drawn over it.
std::size_t terminal_columns() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return known ? size.ws_col - 1U : std::string::npos;
}

}  // namespace

Log::Log(Verbosity verbosity)
    : verbosity_(verbosity), draws_(verbosity != Verbosity::quiet && is_terminal()) {}

Log::~Log() {
  clear();
}

void Log::open(const std::filesystem::path& path) {
  file_.open(path, std::ios::app);
  require(file_.good(), "[log] cannot write {}: {}.", path.string(), io::system_error());
  file_ << pending_ << std::flush;
  pending_.clear();
}

void Log::say(const std::string& line) {
  clear();
  if (verbosity_ != Verbosity::quiet) tell(line + '\n');
  record(line);
}

void Log::detail(const std::string& line) {
  if (verbosity_ == Verbosity::verbose) say(line);
}

void Log::record(const std::string& line) {
  // A full disk must not end the training; the checkpoint will tell.
  if (file_.is_open()) {
    file_ << line << '\n' << std::flush;
    file_.clear();
  } else {
    pending_ += line + '\n';
  }
}

void Log::draw(std::int64_t done, std::int64_t total, const std::string& text) {
  if (!draws_) return;
  const auto filled = static_cast<std::size_t>(kBarWidth * done / std::max<std::int64_t>(1, total));
  const std::string bar = fmt::format("[{}{}] {}", std::string(filled, '#'),
                                      std::string(kBarWidth - filled, '.'), text);
  tell("\r\x1b[K" + bar.substr(0, terminal_columns()));
  drawn_ = true;
}

void Log::clear() {
  if (drawn_) tell("\r\x1b[K");
  drawn_ = false;
}

std::string duration(double seconds) {
  const auto total = std::lround(seconds);
  if (total >= 3600) return fmt::format("{}h{:02d}m", total / 3600, total / 60 % 60);
  return fmt::format("{}m{:02d}s", total / 60, total % 60);
}

}  // namespace seqpe::train

// The lines that a person reads while a command runs: on stderr, and in RUN/train.log.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace seqpe::train {

enum class Verbosity : std::uint8_t { quiet, normal, verbose };

/// A terminal also gets a bar that redraws itself; NO_COLOR, TERM=dumb, a pipe and `quiet` do not.
/// The file gets every line whatever the terminal shows, never the bar.
class Log {
 public:
  explicit Log(Verbosity verbosity = Verbosity::normal);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// Appends to `path` from now on, first the lines that came before.
  void open(const std::filesystem::path& path);
  /// A line that stays.
  void say(const std::string& line);
  /// A line for -v only.
  void detail(const std::string& line);
  /// A line for the file alone.
  void record(const std::string& line);
  /// True if draw() shows anything.
  bool draws() const { return draws_; }
  /// A bar filled to done / total with a text behind it, over the one drawn before.
  void draw(std::int64_t done, std::int64_t total, const std::string& text);
  /// Takes the bar away, for others who write to the terminal.
  void clear();

 private:
  Verbosity verbosity_;
  bool draws_ = false, drawn_ = false;
  std::string pending_;  // lines until there is a file
  std::ofstream file_;
};

/// "1h02m", "3m20s".
std::string duration(double seconds);

}  // namespace seqpe::train

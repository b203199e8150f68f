// How long a rank waits for others.
#pragma once

#include <chrono>

namespace seqpe::dist {

/// How many times dist.timeout a rank waits where others may rightly work long: one writes a
/// checkpoint, or evaluates.
inline constexpr double kPatience = 20;

/// Throws CommunicationError: `what` did not end within `patience` times dist.timeout, in seconds.
[[noreturn]] void throw_late(const char* what, double timeout, double patience = 1);

/// Time that was waited, as seen by who looks now and then. Where the process stood still itself
/// (stopped, or in a suspended machine) the others may have done so too: of such a gap a second
/// counts.
class Waited {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Waited(Clock::time_point now = Clock::now()) : looked_(now) {}

  /// Seconds since it was made, or since restart().
  double seconds(Clock::time_point now = Clock::now());
  void restart() { seconds_ = 0; }

 private:
  Clock::time_point looked_;
  double seconds_ = 0;
};

}  // namespace seqpe::dist

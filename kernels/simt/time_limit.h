// A thread that waits for another one's write by reading memory in a loop never ends in the
// emulator, where no thread is interrupted for another one.
#pragma once

#include <time.h>

namespace seqpe::simt {

/// SEQPE_SIMT_SECONDS, 60 unless it is set. Throws Error unless it is an integer >= 1.
long most_seconds();

/// While it lives, a block that takes this thread of the operating system more than `seconds` of
/// the processor's time (at most twice as many pass) ends the program with a message that names the
/// kernel, the thread that was running and its line.
class TimeLimit {
 public:
  TimeLimit(const char* kernel, long seconds);
  ~TimeLimit();
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

 private:
  timer_t timer_{};
};

}  // namespace seqpe::simt

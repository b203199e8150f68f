// What ends the program while a kernel runs: an address where no memory is, a stack that overflows,
// a division by zero, a block that never ends. It ends with a message first.
#pragma once

#include <signal.h>
#include <time.h>

#include <array>
#include <cstddef>

namespace seqpe::simt {

/// SEQPE_SIMT_SECONDS, 60 unless it is set. Throws Error unless it is an integer from 1 to 10^6.
long seconds_of_block();

/// While it lives, such a signal to this thread of the operating system is told on stderr: the
/// kernel, its thread and line, and what was reported until then. So is a block that takes more
/// than `seconds` of the processor's time (at most twice as many pass), where the system has a
/// timer left. In a build with the sanitizers those tell of faults instead.
class LastWords {
 public:
  LastWords(const char* kernel, const void* code, long seconds);
  ~LastWords();
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;

 private:
  std::array<std::byte, std::size_t{64} << 10> stack_;  // a fiber's may be what overflowed
  stack_t stack_before_{};
  timer_t timer_{};
  bool has_timer_ = false;
};

}  // namespace seqpe::simt

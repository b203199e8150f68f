// Signals that a kernel's code causes: an address where no memory is, a stack that overflows, a
// division by zero. The block ends with a report, as after a deadlock, instead of the program.
#pragma once

#include <signal.h>

#include <array>
#include <cstddef>

namespace seqpe::simt {

/// While it lives, this thread of the operating system handles signals on a stack of their own: a
/// fiber's may be what overflowed.
class SignalStack {
 public:
  SignalStack();
  ~SignalStack();
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  std::array<std::byte, std::size_t{64} << 10> memory_;
  stack_t before_;
};

/// From now on a fault of a thread that a BlockRunner runs makes it leave its block; any other is
/// left to who handled it before.
void handle_faults();

}  // namespace seqpe::simt

#include "kernels/simt/fault_handler.h"

#include <ucontext.h>

#include <cstdint>
#include <iterator>

#include "kernels/simt/block.h"

namespace seqpe::simt {
namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE};
struct sigaction before[std::size(kSignals)];

void restore(int signal) {
  for (std::size_t i = 0; i < std::size(kSignals); ++i) {
    if (kSignals[i] == signal) ::sigaction(signal, &before[i], nullptr);
  }
}

void leave_block() {
  current_runner()->leave();
}

/// Does nothing but change where the thread goes on when the handler returns: reports take locks
/// and memory, which a handler must not.
void handle(int signal, siginfo_t* info, void* context) {
  greg_t* registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  constexpr greg_t kWriteBit = 2;          // of a page fault's error code
  constexpr greg_t kDirectionFlag = 1024;  // functions begin with it cleared
  const Fault fault{signal, reinterpret_cast<const void*>(registers[REG_RIP]),
                    static_cast<const std::byte*>(info->si_addr),
                    (registers[REG_ERR] & kWriteBit) != 0};
  BlockRunner* runner = current_runner();
  std::byte* stack = runner == nullptr ? nullptr : runner->stack_to_leave_on(fault);
  if (stack == nullptr) return restore(signal);  // the instruction runs again
  // As a call leaves it: 8 bytes below a multiple of 16.
  registers[REG_RSP] =
      static_cast<greg_t>((reinterpret_cast<std::uintptr_t>(stack) & ~std::uintptr_t{15}) - 8);
  registers[REG_RIP] = reinterpret_cast<greg_t>(leave_block);
  registers[REG_EFL] &= ~kDirectionFlag;
}

}  // namespace

SignalStack::SignalStack() {
  stack_t stack{};
  stack.ss_sp = memory_.data();
  stack.ss_size = memory_.size();
  ::sigaltstack(&stack, &before_);
}

SignalStack::~SignalStack() {
  ::sigaltstack(&before_, nullptr);
}

void handle_faults() {
  struct sigaction action {};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (std::size_t i = 0; i < std::size(kSignals); ++i)
    ::sigaction(kSignals[i], &action, &before[i]);
}

}  // namespace seqpe::simt

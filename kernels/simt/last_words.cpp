#include "kernels/simt/last_words.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <mutex>

#include "kernels/simt/block.h"
#include "kernels/simt/environment.h"
#include "kernels/simt/report.h"

namespace seqpe::simt {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kTellsOfFaults = false;  // the sanitizer does
#else
constexpr bool kTellsOfFaults = true;
#endif

struct Watched {
  const char* kernel = nullptr;
  const char* program = nullptr;  // file of the kernel's code, and where it begins in memory
  const char* base = nullptr;
  long seconds = 0;
  std::uint64_t run = 0;  // that was under way at the timer's last signal
};
thread_local Watched watched;

// The handlers may have interrupted anything: they take no lock, no memory, and start a program
// by calls that are safe there.

template <typename... Args>
void say(fmt::format_string<Args...> message, Args&&... args) {
  std::array<char, 512> text;
  const auto end = fmt::format_to_n(text.data(), text.size(), message, std::forward<Args>(args)...);
  [[maybe_unused]] const auto written =
      ::write(STDERR_FILENO, text.data(), std::min(end.size, text.size()));
}

/// Prints the lines of code that the address is inlined into.
void say_line(const char* what, const void* code) {
  if (watched.base == nullptr || code == nullptr) return;
  say("  {} ", what);
  std::array<char, 32> offset{};
  fmt::format_to_n(offset.data(), offset.size() - 1, "{:#x}",
                   static_cast<const char*>(code) - watched.base);
  const pid_t child = ::_Fork();
  if (child == 0) {
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
    ::execlp("addr2line", "addr2line", "-i", "-p", "-e", watched.program, offset.data(), nullptr);
    ::_exit(1);
  }
  if (child > 0) ::waitpid(child, nullptr, 0);
}

void say_place(const void* code) {
  const uint3 &thread = current_thread->index, &block = current_block.index;
  say("  by thread ({}, {}, {}) of block ({}, {}, {})\n", thread.x, thread.y, thread.z, block.x,
      block.y, block.z);
  say_line("at", code);
  // `site` is where a call returns to: the call is before it.
  const auto* site = static_cast<const char*>(current_thread->site);
  if (site != nullptr) say_line("the emulator was last called at", site - 1);
  write_reports(STDERR_FILENO);
}

const void* code_of(void* context) {
  return reinterpret_cast<const void*>(
      static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
}

/// After its words the signal does what it would have done without them.
void on_fault(int signal, siginfo_t* info, void* context) {
  constexpr greg_t kWriteBit = 2;  // of a page fault's error code
  const BlockRunner* runner = current_runner();
  if (runner != nullptr && current_thread != nullptr && info->si_code > 0) {
    const bool writes =
        (static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_ERR] & kWriteBit) != 0;
    if (signal == SIGFPE) {
      say("[simt] {}: integers divided by zero, or a quotient that overflows\n", watched.kernel);
    } else if (runner->owns_stack(info->si_addr)) {
      say("[simt] {}: a thread overflows its stack of {} KiB\n", watched.kernel,
          current_thread->fiber->stack_bytes >> 10);
    } else if (info->si_addr == nullptr) {
      // Of an address of more than 48 bits the processor tells neither it nor what was done there.
      say("[simt] {}: access at address 0, or at one of more than 48 bits\n", watched.kernel);
    } else {
      say("[simt] {}: {} at address {}, where no memory is\n", watched.kernel,
          writes ? "write" : "read", info->si_addr);
    }
    say_place(code_of(context));
  }
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

void on_timer(int, siginfo_t*, void* context) {
  const BlockRunner* runner = current_runner();
  if (runner == nullptr || current_thread == nullptr) return;
  if (watched.run != runner->runs()) {
    watched.run = runner->runs();
    return;
  }
  say("[simt] {}: a block still runs after {} seconds (SEQPE_SIMT_SECONDS). Hint: a loop that "
      "waits for what another thread writes?\n",
      watched.kernel, watched.seconds);
  say_place(code_of(context));
  std::abort();
}

void handle(int signal, void (*handler)(int, siginfo_t*, void*), int flags) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | flags;
  ::sigaction(signal, &action, nullptr);
}

void handle_signals() {
  if (kTellsOfFaults) {
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE}) handle(signal, on_fault, 0);
  }
  handle(SIGVTALRM, on_timer, SA_RESTART);
}

}  // namespace

long seconds_of_block() {
  return integer_of_environment("SEQPE_SIMT_SECONDS", 60, 1, 1'000'000);
}

LastWords::LastWords(const char* kernel, const void* code, long seconds) {
  static std::once_flag handled;
  std::call_once(handled, handle_signals);
  Dl_info info{};
  watched = {kernel, nullptr, nullptr, seconds, 0};
  if (::dladdr(code, &info) != 0) {
    watched.program = info.dli_fname;
    watched.base = static_cast<const char*>(info.dli_fbase);
  }
  stack_t stack{};
  stack.ss_sp = stack_.data();
  stack.ss_size = stack_.size();
  ::sigaltstack(&stack, &stack_before_);
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGVTALRM;
  event._sigev_un._tid = ::gettid();
  has_timer_ = ::timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer_) == 0;
  const itimerspec every{{seconds, 0}, {seconds, 0}};
  if (has_timer_) ::timer_settime(timer_, 0, &every, nullptr);
}

LastWords::~LastWords() {
  if (has_timer_) ::timer_delete(timer_);
  ::sigaltstack(&stack_before_, nullptr);
}

}  // namespace seqpe::simt

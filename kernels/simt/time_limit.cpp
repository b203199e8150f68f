#include "kernels/simt/time_limit.h"

#include <fmt/format.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "kernels/common/error.h"
#include "kernels/simt/block.h"
#include "kernels/simt/source_line.h"

namespace seqpe::simt {
namespace {

struct Watch {
  const char* kernel = nullptr;
  long seconds = 0;
  std::uint64_t run = 0;  // that was under way at the last signal
};
thread_local Watch watch;

/// Ends the program: the code that the signal interrupted may hold a lock (of the emulator, of
/// malloc), so the block cannot be left as after a fault.
void handle(int, siginfo_t*, void* context) {
  const BlockRunner* runner = current_runner();
  if (runner == nullptr || current_thread == nullptr) return;
  if (watch.run != runner->runs()) {
    watch.run = runner->runs();
    return;
  }
  const greg_t code = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
  fmt::print(stderr,
             "[simt] {}: {} still runs after {} seconds (SEQPE_SIMT_SECONDS), at {}. Hint: a loop "
             "that waits for what another thread writes?\n",
             watch.kernel, where(), watch.seconds,
             source_line(reinterpret_cast<const char*>(code) + 1));
  std::abort();
}

}  // namespace

long most_seconds() {
  const char* asked = std::getenv("SEQPE_SIMT_SECONDS");
  if (asked == nullptr) return 60;
  char* end = nullptr;
  const long seconds = std::strtol(asked, &end, 10);
  require(seconds >= 1 && *end == '\0',
          "[simt] SEQPE_SIMT_SECONDS must be an integer >= 1, got '{}'.", asked);
  return seconds;
}

TimeLimit::TimeLimit(const char* kernel, long seconds) {
  struct sigaction action {};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  ::sigaction(SIGVTALRM, &action, nullptr);
  watch = {kernel, seconds, 0};
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGVTALRM;
  event._sigev_un._tid = ::gettid();
  require(::timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer_) == 0,
          "[simt] {}: no timer for its time limit: {}.", kernel, std::strerror(errno));
  const itimerspec every{{seconds, 0}, {seconds, 0}};
  ::timer_settime(timer_, 0, &every, nullptr);
}

TimeLimit::~TimeLimit() {
  ::timer_delete(timer_);
}

}  // namespace seqpe::simt

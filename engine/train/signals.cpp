#include "engine/train/signals.h"

#include <atomic>
#include <csignal>
#include <iterator>

#include "kernels/common/error.h"

namespace seqpe::train {
namespace {

std::atomic<bool> requested = false;  // a signal may come to any thread
bool agreed = false;

constexpr int kSignals[] = {SIGTERM, SIGINT, SIGHUP};
/// What was done at each of them before.
struct sigaction before[std::size(kSignals)];

void restore() {
  for (std::size_t i = 0; i < std::size(kSignals); ++i)
    ::sigaction(kSignals[i], &before[i], nullptr);
}

void request_stop(int) {
  requested = true;
  restore();
}

}  // namespace

SignalGuard::SignalGuard() {
  requested = false;
  struct sigaction action {};
  action.sa_handler = request_stop;
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < std::size(kSignals); ++i) {
    ::sigaction(kSignals[i], nullptr, &before[i]);
    const bool ignored = kSignals[i] == SIGHUP && before[i].sa_handler == SIG_IGN;  // nohup
    if (!ignored) ::sigaction(kSignals[i], &action, nullptr);
  }
}

SignalGuard::~SignalGuard() {
  restore();
  requested = false;
}

bool stop_requested() {
  return requested;
}

void stop_here_if_requested() {
  require<StoppedError>(!stop_requested(), "stopped by a signal");
}

bool any_stop_requested(dist::ProcessGroup& ranks) {
  const bool any = ranks.any(stop_requested());
  agreed = agreed || any;
  return any;
}

void stop_if_any_requested(dist::ProcessGroup& ranks) {
  ranks.barrier();  // one may have worked far longer than another
  require<StoppedError>(!any_stop_requested(ranks), "stopped by a signal");
}

bool stop_was_agreed() {
  return agreed;
}

}  // namespace seqpe::train

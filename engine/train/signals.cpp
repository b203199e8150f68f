#include "engine/train/signals.h"

#include <csignal>

#include "kernels/common/error.h"

namespace seqpe::train {
namespace {

volatile std::sig_atomic_t requested = 0;

void on_signals(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGTERM, SIGINT}) ::sigaction(signal, &action, nullptr);
}

void request_stop(int) {
  requested = 1;
  on_signals(SIG_DFL);
}

}  // namespace

SignalGuard::SignalGuard() {
  requested = 0;
  on_signals(request_stop);
}

SignalGuard::~SignalGuard() {
  on_signals(SIG_DFL);
  requested = 0;
}

bool stop_requested() {
  return requested != 0;
}

void stop_here_if_requested() {
  require<StoppedError>(!stop_requested(), "stopped by a signal");
}

}  // namespace seqpe::train

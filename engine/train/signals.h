// SIGTERM, SIGINT and SIGHUP as a request that the work looks at when it can stop.
#pragma once

namespace seqpe::train {

/// While it lives, the first SIGTERM, SIGINT or SIGHUP (unless nohup has it ignored) is a request;
/// the second one does what it did without the guard. One at a time.
class SignalGuard {
 public:
  SignalGuard();
  ~SignalGuard();
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;
};

/// A signal came in the life of the guard.
bool stop_requested();

/// Throws StoppedError if a stop is requested: for work that leaves nothing half done.
void stop_here_if_requested();

}  // namespace seqpe::train

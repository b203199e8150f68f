// SIGTERM, SIGINT and SIGHUP as a request that the work looks at when it can stop.
#pragma once

#include "engine/dist/process_group.h"

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
/// Of any rank; all call it at the same place of their work.
bool any_stop_requested(dist::ProcessGroup& ranks);
/// Throws StoppedError then.
void stop_if_any_requested(dist::ProcessGroup& ranks);
/// The ranks found one together, and part in good order.
bool stop_was_agreed();

}  // namespace seqpe::train

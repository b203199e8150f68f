// Work on many items by threads of their own, for what may wait for files and may throw.
#pragma once

#include <cstdint>
#include <functional>

namespace seqpe::data {

/// The processor cores that this process could use when it started.
int usable_cores();

/// Lets the calling thread run on any of them. A thread begins bound to the core of the one that
/// started it, if that is bound to one (train.pin).
void run_on_any_core();

/// Calls work(0) to work(count - 1), each once, on `threads` threads (or the caller's, for 1), and
/// waits for all. Of those that throw, the first one's exception goes on to the caller.
void parallel_each(std::int64_t count, int threads, const std::function<void(std::int64_t)>& work);

}  // namespace seqpe::data

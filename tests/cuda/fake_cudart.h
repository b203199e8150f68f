// A GPU that does nothing until somebody waits for it: each stream is a queue of copies, which a
// synchronisation works off. What the engine's copies, events and graphs promise can then be seen
// without a GPU.
#pragma once

#include <cstddef>

namespace seqpe::test {

/// How often the host waited for a whole stream.
int stream_waits();

// Time passes by the tasks that are done, a millisecond each.

/// What a stream has not done yet. Null is CUDA's default stream.
std::size_t tasks_left(void* stream);

/// The device works on, up to the end of every queue, while nobody waits.
void work_off();
/// One stream stands still, and those that must wait for it.
void work_off_all_but(void* stream);
/// Only this one works, as far as it need not wait for another.
void work_off_only(void* stream);

/// Blocks of page-locked memory that were ever made.
int page_locked_blocks();

/// Graphs that were captured or made and are not destroyed.
int live_graphs();

/// The version of CUDA that the driver knows, 0 without one, and its GPUs. This run time is 13.0.
struct Machine {
  int driver = 13000, gpus = 1;
};
void set_machine(const Machine& machine);

/// While it is, no memory is given.
void fill_memory(bool full);

/// From now on captures end with an error.
void break_captures(bool broken);

}  // namespace seqpe::test

// A GPU that does nothing until somebody waits for it: its one stream is a queue of copies, which a
// synchronisation works off. What the engine's copies promise can then be seen without a GPU.
#pragma once

#include <cstddef>

namespace seqpe::test {

/// How often the host waited for the whole stream.
int stream_waits();

/// Copies that the device has not made yet.
std::size_t copies_left();

/// The device works on, up to the end of the queue, while nobody waits.
void work_off();

/// Blocks of page-locked memory that were ever made.
int page_locked_blocks();

}  // namespace seqpe::test

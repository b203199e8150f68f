// The emulated stream: work is done when it is asked for, or kept by the Recording
// (kernels/recording.h) that is being made.
#pragma once

#include <functional>
#include <utility>

namespace seqpe::simt {

/// What is being recorded; null if nothing is.
struct Tape;
extern Tape* current_tape;

void keep(std::function<void()> work);
/// Memory that the work being recorded uses: freed together with the recording.
void keep_memory(void* block);

template <typename Work>
void in_stream_order(Work&& work) {
  if (current_tape != nullptr) return keep(std::forward<Work>(work));
  work();
}

}  // namespace seqpe::simt

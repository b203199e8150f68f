// What the emulator tells whoever watches a kernel: nobody (no_observer.cpp) or the checker
// (race_checker.cpp).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simt/thread.h"

namespace seqpe::simt {

enum class Access : std::uint8_t { read, write, atomic };

/// A block begins: its shared memory holds nothing.
void observe_block();
/// Threads of these warps (a bit each) have met at a barrier.
void observe_barrier(std::uint32_t warps);
/// `site`: the address in the kernel's code.
void observe_shared(std::uint32_t offset, std::size_t bytes, Access access, const void* site);
void observe_global(const void* pointer, std::size_t bytes, Access access, const void* site);
/// cp.async was issued: shared memory may change from now on, and has changed when it has landed.
void observe_copy_issued(std::uint32_t offset, std::size_t bytes, const void* site);
void observe_copy_landed(std::uint32_t offset, std::size_t bytes, const void* site);

}  // namespace seqpe::simt

// What the emulator tells whoever watches a kernel: nobody (no_observer.cpp), the checker
// (race_checker.cpp) or the counter of costs (cost_observer.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/simt/launch.h"
#include "kernels/simt/thread.h"

namespace seqpe::simt {

enum class Access : std::uint8_t { read, write, atomic };

/// A launch of the kernel at address `code` begins. The numbers of the blocks that shall run, or
/// none for all.
std::vector<std::uint64_t> observe_launch(const Launch& launch, const void* code);
void observe_launch_end();
/// A block begins: its shared memory holds nothing.
void observe_block();
void observe_block_end();
/// Threads of these warps (a bit each) have met at a barrier.
void observe_barrier(std::uint32_t warps);
/// Threads of the block come to one barrier from calls at different addresses.
void observe_two_barriers(const Thread& first, const Thread& second);
/// Lanes of a warp have met at a collective.
void observe_collective(const Warp& warp, std::uint32_t lanes);
/// `site`: the address in the kernel's code.
void observe_shared(std::uint32_t offset, std::size_t bytes, Access access, const void* site);
void observe_global(const void* pointer, std::size_t bytes, Access access, const void* site);
/// No kernel but a copy, a fill or a library wrote device memory.
void observe_other_write(const void* to, std::size_t bytes);
/// A warp multiplies matrices on tensor cores; an FMA is 2 operations.
void observe_matrix_product(std::int64_t flops);
/// cp.async was issued: shared memory may change from now on, and has changed when it has landed.
void observe_copy_issued(std::uint32_t offset, std::size_t bytes, const void* site);
void observe_copy_landed(std::uint32_t offset, std::size_t bytes, const void* site);

}  // namespace seqpe::simt

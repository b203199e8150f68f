// A launch: which grid, which blocks, how much shared memory; and the limits that every launch must
// keep to, on a GPU and in the emulator: those of sm_80, the least of the GPUs that are served.
#pragma once

#include <cstddef>

#if !defined(__CUDACC__)
#include "kernels/simt/vector_types.h"
#endif

namespace seqpe::simt {

struct Launch {
  const char* kernel;  // for messages, traces and the cost model
  dim3 grid, block;
  std::size_t shared_bytes;  // dynamic
  Launch(const char* kernel_, const dim3& grid_, const dim3& block_, std::size_t shared_bytes_ = 0)
      : kernel(kernel_), grid(grid_), block(block_), shared_bytes(shared_bytes_) {}
};

/// Throws Error with the kernel's name and the sizes unless a block has 1 to 1024 threads, at most
/// 163 KiB of dynamic shared memory (the emulator holds static memory to it, too), and the grid at
/// least one block, at most 65535 in y and z.
void check_launch(const Launch& launch);

}  // namespace seqpe::simt

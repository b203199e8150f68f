// Zeroed device memory for the arrays of cases. Twin files: case_memory_emulated.cpp, where bytes
// that nobody touches cost nothing, so that full shapes can be sampled; case_memory_gpu.cpp.
#pragma once

#include <cstddef>

namespace seqpe::costs {

/// Null if there is not so much.
void* allocate_zeroed(std::size_t bytes);
void free_zeroed(void* block);

}  // namespace seqpe::costs

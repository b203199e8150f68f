#include "kernels/device.h"
#include "tools/kernel_costs/case_memory.h"

namespace seqpe::costs {

void* allocate_zeroed(std::size_t bytes) {
  void* block = kernels::allocate_on_device(bytes);
  if (block != nullptr) kernels::clear_bytes(kernels::device_context(), block, bytes);
  return block;
}

void free_zeroed(void* block) {
  kernels::free_on_device(block);
}

}  // namespace seqpe::costs

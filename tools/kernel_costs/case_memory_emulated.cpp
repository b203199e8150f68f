#include "kernels/simt/device_memory.h"
#include "tools/kernel_costs/case_memory.h"

namespace seqpe::costs {

void* allocate_zeroed(std::size_t bytes) {
  return simt::allocate_zeroed_device(bytes);
}

void free_zeroed(void* block) {
  simt::free_device(block);
}

}  // namespace seqpe::costs

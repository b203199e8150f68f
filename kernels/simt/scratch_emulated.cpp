// The twin of kernels/cuda/scratch_gpu.cpp on the emulated device, whose stream has done its work
// when a launch returns.
#include "kernels/common/error.h"
#include "kernels/cuda/scratch.h"
#include "kernels/simt/device_memory.h"

namespace seqpe::kernels::cuda {

DeviceScratch::DeviceScratch(const Context& context, std::size_t bytes)
    : context_(context), block_(simt::allocate_device(bytes)) {
  require<OutOfMemoryError>(block_ != nullptr,
                            "[cuda] out of memory: a kernel asked for {} bytes of scratch.", bytes);
}

DeviceScratch::~DeviceScratch() {
  simt::free_device(block_);
}

}  // namespace seqpe::kernels::cuda

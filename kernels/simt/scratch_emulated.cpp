// The twin of kernels/cuda/scratch_gpu.cpp on the emulated device, whose stream has done its work
// when a launch returns, or keeps it to be played later.
#include "kernels/cuda/memory_shortage.h"
#include "kernels/cuda/scratch.h"
#include "kernels/device.h"
#include "kernels/simt/device_memory.h"
#include "kernels/simt/recording.h"

namespace seqpe::kernels {
namespace cuda {

DeviceScratch::DeviceScratch(const Context& context, std::size_t bytes)
    : context_(context),
      block_(allocate_or_ask(bytes, kScratchUse, [&] { return allocate_on_device(bytes); })) {}

DeviceScratch::~DeviceScratch() {
  if (simt::current_tape != nullptr) {
    simt::keep_memory(block_);
  } else {
    simt::free_device(block_);
  }
}

}  // namespace cuda

// A launcher's is fresh each time, so that what nobody wrote shows.
std::size_t scratch_on_device() {
  return 0;
}
void release_scratch_on_device() {}

}  // namespace seqpe::kernels

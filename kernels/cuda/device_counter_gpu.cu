// The count lies in page-locked memory of the host, which a GPU reads and writes as well.
#include "kernels/cuda/check_cuda.h"
#include "kernels/device_counter.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels {
namespace {

__global__ void __launch_bounds__(1) raise_count_kernel(std::uint64_t* count) {
  volatile std::uint64_t* const seen_by_host = count;
  *seen_by_host = *seen_by_host + 1;
}

}  // namespace

DeviceCounter::DeviceCounter() {
  void* memory = nullptr;
  simt::check_cuda(cudaHostAlloc(&memory, sizeof *count_, cudaHostAllocPortable), "cudaHostAlloc");
  count_ = static_cast<std::uint64_t*>(memory);
  *count_ = 0;
}

DeviceCounter::~DeviceCounter() {
  cudaFreeHost(count_);  // waits for the device
}

void DeviceCounter::raise(const Context& context) {
  simt::launch(context, {"raise_count", dim3(1), dim3(1)}, raise_count_kernel, count_);
}

std::uint64_t DeviceCounter::value() const {
  return *static_cast<const volatile std::uint64_t*>(count_);
}

}  // namespace seqpe::kernels

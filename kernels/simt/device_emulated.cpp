// Device::cuda as the SIMT emulator. A launch returns when the kernel has ended, so there is
// nothing to wait for.
#include <cstring>

#include "kernels/device.h"
#include "kernels/simt/device_memory.h"

namespace seqpe::kernels {

CudaDevice cuda_device() {
  return CudaDevice::emulated;
}

std::string why_no_cuda() {
  return "";
}

std::vector<std::pair<std::string, std::string>> cuda_facts() {
  return {};
}

void* allocate_on_device(std::size_t bytes) {
  return simt::allocate_device(bytes);
}

void free_on_device(void* block) {
  simt::free_device(block);
}

void copy_bytes(const Context&, void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);  // null of no bytes is no argument of memcpy
}

void clear_bytes(const Context&, void* to, std::size_t bytes) {
  std::memset(to, 0, bytes);
}

void begin_trace_range(const char*) {}
void end_trace_range() {}

}  // namespace seqpe::kernels

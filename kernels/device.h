// The device `cuda` of this build: its memory, copies and order of work. Twin files:
// device_none.cpp (there is none), simt/device_emulated.cpp (the SIMT emulator),
// cuda/device_gpu.cpp (a GPU).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernels/common/context.h"

namespace seqpe::kernels {

enum class CudaDevice : std::uint8_t { none, emulated, gpu };

constexpr const char* name_of(CudaDevice device) {
  switch (device) {
    case CudaDevice::none:
      return "no";
    case CudaDevice::emulated:
      return "emulated";
    case CudaDevice::gpu:
      return "GPU";
  }
  return "?";
}

/// What Device::cuda is here: none where no GPU is seen, whatever was built.
CudaDevice cuda_device();
/// Where it is none: "no GPU is visible", "this build has no CUDA kernels".
std::string why_no_cuda();

/// What a GPU says of itself: run time, and for each device its name, memory and level.
std::vector<std::pair<std::string, std::string>> cuda_facts();

/// Device memory, aligned to 256 bytes, uninitialised; null if there is not so much. Throws
/// DeviceError where there is no device.
void* allocate_on_device(std::size_t bytes);
void free_on_device(void* block);

/// Copies in the order of the context's stream; either side may be the host's or the device's
/// memory. Returns when the host may use both.
void copy_bytes(const Context& context, void* to, const void* from, std::size_t bytes);

/// Sets device memory to zero bytes, in the order of the context's stream.
void clear_bytes(const Context& context, void* to, std::size_t bytes);

/// Begins and ends a span in the trace of a GPU (NVTX, which Nsight Systems shows); nothing
/// elsewhere.
void begin_trace_range(const char* name);
void end_trace_range();

/// A span from construction to destruction. `name` is a string literal.
class TraceRange {
 public:
  explicit TraceRange(const char* name) { begin_trace_range(name); }
  ~TraceRange() { end_trace_range(); }
  TraceRange(const TraceRange&) = delete;
  TraceRange& operator=(const TraceRange&) = delete;
};

}  // namespace seqpe::kernels

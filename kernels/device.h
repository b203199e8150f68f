// The device `cuda` of this build: its memory, copies and order of work. Twin files:
// device_none.cpp (there is none), simt/device_emulated.cpp (the SIMT emulator),
// cuda/device_gpu.cpp (a GPU).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
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
/// Where it is none, the reason and what to do: "this build has no CUDA kernels: build ...".
std::string why_no_cuda();

/// What a GPU says: run time, and of each device its name, compute capability and memory.
std::vector<std::pair<std::string, std::string>> cuda_facts();

/// Which of the GPUs that are seen this process computes on; before any other use of the device.
/// Throws DeviceError where there is no such one. The emulated device is any.
void choose_device(int index);

/// The stream of all work on tensors of Device::cuda. It is not CUDA's default stream, of which
/// nothing can be recorded (kernels/recording.h), and does not wait for that one.
void* compute_stream();
/// The context of that work.
inline Context device_context() {
  return {Device::cuda, compute_stream()};
}
/// The stream of what ranks send each other beside that work.
void* communication_stream();
/// What is asked of `stream` from now on begins when all that was asked of `earlier` is done.
void order_after(void* stream, void* earlier);

/// Device memory, aligned to 256 bytes, uninitialised; null if there is not so much. Throws
/// DeviceError where there is no device. Giving it back waits for the device.
void* allocate_on_device(std::size_t bytes);
void free_on_device(void* block);
/// What the device has left, whoever holds the rest, for the end of a message: ", 0.4 GB of 79.6 GB
/// are free". Empty where nobody tells.
std::string memory_left_on_device();

/// Working memory that kernels' launchers keep on the device, and its release but for recorded
/// work.
std::size_t scratch_on_device();
void release_scratch_on_device();
/// `release`: called before memory of kernels is refused, to give back what others keep waiting.
/// Not while work is recorded, which must free nothing.
void on_memory_shortage_on_device(void (*release)());

/// What the profile (kernels/common/profile.h) calls the host's waiting for the device.
inline constexpr const char* kWait = "wait_for_device";

/// Copies in the order of the context's stream. From the host: returns when it may change `from`,
/// however far the device is. To the host: waits until `to` holds the bytes.
void copy_to_device(const Context& context, void* to, const void* from, std::size_t bytes);
void copy_to_host(const Context& context, void* to, const void* from, std::size_t bytes);
void copy_on_device(const Context& context, void* to, const void* from, std::size_t bytes);

/// Numbers on their way to the host: the copy takes its place in the order of the context's stream
/// at construction, and the host waits for it when it asks for it, not before.
class Readback {
 public:
  Readback(const Context& context, const void* from, std::size_t bytes);
  ~Readback();
  Readback(Readback&& other) noexcept;
  Readback& operator=(Readback&& other) noexcept;
  /// The bytes, in the host's memory.
  const void* wait() const;

 private:
  struct Copy;
  std::unique_ptr<Copy> copy_;
};

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

// Device::cuda as the SIMT emulator. A launch returns when the kernel has ended, so there is
// nothing to wait for; only a recording (kernels/recording.h) puts work off.
#include <atomic>
#include <cstring>
#include <mutex>

#include "kernels/common/memory_limit.h"
#include "kernels/common/profile.h"
#include "kernels/device.h"
#include "kernels/device_counter.h"
#include "kernels/recording.h"
#include "kernels/simt/device_memory.h"
#include "kernels/simt/observer.h"
#include "kernels/simt/recording.h"

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
  // The emulator writes every byte of a block: what the machine has not would end in a kill.
  static std::once_flag limited;
  std::call_once(limited,
                 [] { simt::set_device_capacity(static_cast<std::size_t>(memory_limit())); });
  return simt::allocate_device(bytes);
}

std::string memory_left_on_device() {
  return "";
}

void free_on_device(void* block) {
  simt::free_device(block);
}

void choose_device(int) {}

// One stream serves for all: what is asked for first is done first.
void* compute_stream() {
  return nullptr;
}
void* communication_stream() {
  return nullptr;
}
void order_after(void*, void*) {}

void copy_to_device(const Context&, void* to, const void* from, std::size_t bytes) {
  refuse_while_recording("a copy from the host");
  simt::write_device(to, from, bytes);
}
void copy_to_host(const Context&, void* to, const void* from, std::size_t bytes) {
  refuse_while_recording("a copy to the host");
  const KernelTimer timer(kWait);
  if (bytes == 0) return;
  simt::check_range(from, bytes);
  std::memcpy(to, from, bytes);
}
void copy_on_device(const Context&, void* to, const void* from, std::size_t bytes) {
  simt::in_stream_order([=] {
    if (bytes > 0) simt::check_range(from, bytes);
    simt::write_device(to, from, bytes);
  });
}

struct Readback::Copy {
  std::vector<std::byte> bytes;
};
Readback::Readback(const Context&, const void* from, std::size_t bytes)
    : copy_(std::make_unique<Copy>()) {
  refuse_while_recording("a copy to the host");
  if (bytes > 0) simt::check_range(from, bytes);
  const auto* begin = static_cast<const std::byte*>(from);
  copy_->bytes.assign(begin, begin + bytes);
}
Readback::~Readback() = default;
Readback::Readback(Readback&&) noexcept = default;
Readback& Readback::operator=(Readback&&) noexcept = default;
const void* Readback::wait() const {
  const KernelTimer timer(kWait);
  return copy_->bytes.data();
}

void clear_bytes(const Context&, void* to, std::size_t bytes) {
  simt::in_stream_order([=] {
    if (bytes == 0) return;
    simt::check_range(to, bytes);
    std::memset(to, 0, bytes);
    simt::observe_other_write(to, bytes);
  });
}

DeviceCounter::DeviceCounter() : count_(new std::uint64_t(0)) {}
DeviceCounter::~DeviceCounter() {
  delete count_;
}
void DeviceCounter::raise(const Context&) {
  simt::in_stream_order([count = count_] { std::atomic_ref(*count).fetch_add(1); });
}
std::uint64_t DeviceCounter::value() const {
  return std::atomic_ref(*count_).load();
}

void begin_trace_range(const char*) {}
void end_trace_range() {}

}  // namespace seqpe::kernels

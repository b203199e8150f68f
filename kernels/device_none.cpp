// A build without CUDA.
#include "kernels/common/kernel.h"
#include "kernels/device.h"
#include "kernels/device_counter.h"
#include "kernels/feed.h"
#include "kernels/recording.h"

namespace seqpe::kernels {

CudaDevice cuda_device() {
  return CudaDevice::none;
}

std::string why_no_cuda() {
  return "this build has no CUDA kernels: build the preset cuda or emulated";
}

std::vector<std::pair<std::string, std::string>> cuda_facts() {
  return {};
}

void choose_device(int) {}

void* compute_stream() {
  return nullptr;
}
void* communication_stream() {
  return nullptr;
}
void order_after(void*, void*) {}

void* allocate_on_device(std::size_t) {
  throw_built_without_cuda("allocate_on_device");
}

void free_on_device(void*) {}

std::string memory_left_on_device() {
  return "";
}

std::size_t scratch_on_device() {
  return 0;
}
void release_scratch_on_device() {}
void on_memory_shortage_on_device(void (*)()) {}

void copy_to_device(const Context&, void*, const void*, std::size_t) {
  throw_built_without_cuda("copy_to_device");
}
void copy_to_host(const Context&, void*, const void*, std::size_t) {
  throw_built_without_cuda("copy_to_host");
}
void copy_on_device(const Context&, void*, const void*, std::size_t) {
  throw_built_without_cuda("copy_on_device");
}

struct Readback::Copy {};
Readback::Readback(const Context&, const void*, std::size_t) {
  throw_built_without_cuda("Readback");
}
Readback::~Readback() = default;
Readback::Readback(Readback&&) noexcept = default;
Readback& Readback::operator=(Readback&&) noexcept = default;
const void* Readback::wait() const {
  throw_built_without_cuda("Readback");
}

void clear_bytes(const Context&, void*, std::size_t) {
  throw_built_without_cuda("clear_bytes");
}

struct Recording::Work {};
Recording::Recording(const Context&, const std::function<void()>&) {
  throw_built_without_cuda("Recording");
}
Recording::~Recording() = default;
Recording::Recording(Recording&&) noexcept = default;
Recording& Recording::operator=(Recording&&) noexcept = default;
void Recording::play() const {
  throw_built_without_cuda("Recording");
}
bool is_recording() {
  return false;
}
int recordings() {
  return 0;
}

struct Feed::Landings {};
Feed::Feed(const Context&, std::size_t) {
  throw_built_without_cuda("Feed");
}
Feed::~Feed() = default;
Feed::Feed(Feed&&) noexcept = default;
Feed& Feed::operator=(Feed&&) noexcept = default;
void Feed::send(void*, const void*) {
  throw_built_without_cuda("Feed");
}

DeviceCounter::DeviceCounter() {
  throw_built_without_cuda("DeviceCounter");
}
DeviceCounter::~DeviceCounter() = default;
void DeviceCounter::raise(const Context&) {
  throw_built_without_cuda("DeviceCounter");
}
std::uint64_t DeviceCounter::value() const {
  return 0;
}

void begin_trace_range(const char*) {}
void end_trace_range() {}

}  // namespace seqpe::kernels

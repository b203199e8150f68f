// Device::cuda as a GPU: the first one that CUDA_VISIBLE_DEVICES shows, or that of the process
// among those of its host. On a context's stream copies and kernels run in the order in which they
// were asked for.
#include <cuda_runtime.h>
#include <nvtx3/nvToolsExt.h>

#include <cstdlib>
#include <cstring>

#include "kernels/common/cuda_version.h"
#include "kernels/common/error.h"
#include "kernels/common/profile.h"
#include "kernels/cuda/check_cuda.h"
#include "kernels/cuda/staging.h"
#include "kernels/cuda/stream.h"
#include "kernels/device.h"
#include "kernels/recording.h"

namespace seqpe::simt {

void check_cuda(int status, const char* what) {
  const auto error = static_cast<cudaError_t>(status);
  if (error == cudaSuccess) return;
  cudaGetLastError();  // told here; the next launch must not find it
  require<OutOfMemoryError>(error != cudaErrorMemoryAllocation, "[cuda] out of memory: {}.", what);
  throw DeviceError(
      fmt::format("[cuda] {}: {} ({}).", what, cudaGetErrorString(error), cudaGetErrorName(error)));
}

}  // namespace seqpe::simt

namespace seqpe::kernels {

using simt::check_cuda;

namespace {

cudaStream_t stream_of(const Context& context) {
  return static_cast<cudaStream_t>(context.stream);
}

void copy(const Context& context, void* to, const void* from, std::size_t bytes,
          cudaMemcpyKind kind) {
  check_cuda(cudaMemcpyAsync(to, from, bytes, kind, stream_of(context)), "cudaMemcpyAsync");
}

}  // namespace

CudaDevice cuda_device() {
  static const CudaDevice device = [] {
    int count = 0;
    const bool seen = cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
    cudaGetLastError();  // no GPU is an answer, not an error that the next launch should find
    return seen ? CudaDevice::gpu : CudaDevice::none;
  }();
  return device;
}

std::string why_no_cuda() {
  int count = 0, driver = 0, run_time = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&run_time);
  cudaGetLastError();
  // CUDA tells the version 0 of a driver that is not there, and calls that one too old.
  if (driver == 0) return "no NVIDIA driver on this machine (libcuda.so.1 is missing): install it";
  if (error == cudaErrorInsufficientDriver) {
    return fmt::format(
        "the NVIDIA driver is for CUDA up to {}, this build needs {}: install a newer driver",
        cuda_version_text(driver), cuda_version_text(run_time));
  }
  if (error == cudaSuccess || error == cudaErrorNoDevice) {
    const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
    return visible == nullptr
               ? std::string("the NVIDIA driver sees no GPU: see what nvidia-smi tells")
               : fmt::format("CUDA_VISIBLE_DEVICES '{}' shows no GPU: unset it", visible);
  }
  return fmt::format("no GPU is usable, {} ({}): see what nvidia-smi tells",
                     cudaGetErrorString(error), cudaGetErrorName(error));
}

std::vector<std::pair<std::string, std::string>> cuda_facts() {
  std::vector<std::pair<std::string, std::string>> facts;
  int version = 0;
  if (cudaRuntimeGetVersion(&version) == cudaSuccess)
    facts.emplace_back("CUDA run time", cuda_version_text(version));
  int count = 0;
  if (cuda_device() == CudaDevice::gpu)
    check_cuda(cudaGetDeviceCount(&count), "cudaGetDeviceCount");
  for (int device = 0; device < count; ++device) {
    cudaDeviceProp properties{};
    check_cuda(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
    facts.emplace_back(
        fmt::format("GPU {}", device),
        fmt::format(
            "{}, compute capability {}.{}, {:.1f} GB, {} multiprocessors, PCI {:04x}:{:02x}:{:02x}",
            properties.name, properties.major, properties.minor,
            static_cast<double>(properties.totalGlobalMem) / (1 << 30),  // as nvidia-smi's
            properties.multiProcessorCount, properties.pciDomainID, properties.pciBusID,
            properties.pciDeviceID));
  }
  return facts;
}

void choose_device(int index) {
  int count = 0;
  check_cuda(cudaGetDeviceCount(&count), "cudaGetDeviceCount");
  if (count == 1) index = 0;  // a launcher shows each process its own
  require<DeviceError>(
      index < count,
      "[cuda] this process is number {} of its host and needs a GPU of its own, {} "
      "are seen. Hint: fewer processes a host, or CUDA_VISIBLE_DEVICES unset.",
      index, count);
  check_cuda(cudaSetDevice(index), "cudaSetDevice");
}

void* compute_stream() {
  static cudaStream_t const stream = cuda::make_stream();
  return stream;
}
void* communication_stream() {
  static cudaStream_t const stream = cuda::make_stream();
  return stream;
}

void order_after(void* stream, void* earlier) {
  cudaEvent_t event = nullptr;
  check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  check_cuda(cudaEventRecord(event, static_cast<cudaStream_t>(earlier)), "cudaEventRecord");
  check_cuda(cudaStreamWaitEvent(static_cast<cudaStream_t>(stream), event, 0),
             "cudaStreamWaitEvent");
  cudaEventDestroy(event);  // goes when it has happened
}

void* allocate_on_device(std::size_t bytes) {
  void* block = nullptr;
  const cudaError_t error = cudaMalloc(&block, bytes > 0 ? bytes : 1);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  check_cuda(error, "cudaMalloc");
  return block;
}

void free_on_device(void* block) {
  // cudaFree need not wait for the work that uses the block.
  check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  check_cuda(cudaFree(block), "cudaFree");
}

std::string memory_left_on_device() {
  std::size_t left = 0, all = 0;
  if (cudaMemGetInfo(&left, &all) != cudaSuccess) {
    cudaGetLastError();
    return "";
  }
  const auto gigabytes = [](std::size_t bytes) { return static_cast<double>(bytes) / (1 << 30); };
  return fmt::format(", {:.1f} GB of {:.1f} GB are free", gigabytes(left), gigabytes(all));
}

void copy_to_device(const Context& context, void* to, const void* from, std::size_t bytes) {
  refuse_while_recording("a copy from the host");
  // Weights pass once a run; through page-locked memory they would keep it.
  constexpr std::size_t kMostStaged = std::size_t{8} << 20;
  if (bytes > kMostStaged) {
    copy(context, to, from, bytes, cudaMemcpyHostToDevice);
    return check_cuda(cudaStreamSynchronize(stream_of(context)), "cudaStreamSynchronize");
  }
  const cuda::Staging staging(bytes);
  std::memcpy(staging.data(), from, bytes);
  copy(context, to, staging.data(), bytes, cudaMemcpyHostToDevice);
  staging.mark(stream_of(context));
}

void copy_to_host(const Context& context, void* to, const void* from, std::size_t bytes) {
  refuse_while_recording("a copy to the host");
  const KernelTimer timer(kWait);
  copy(context, to, from, bytes, cudaMemcpyDeviceToHost);
  check_cuda(cudaStreamSynchronize(stream_of(context)), "cudaStreamSynchronize");
}

void copy_on_device(const Context& context, void* to, const void* from, std::size_t bytes) {
  copy(context, to, from, bytes, cudaMemcpyDeviceToDevice);
}

struct Readback::Copy {
  cuda::Staging staging;
};
Readback::Readback(const Context& context, const void* from, std::size_t bytes)
    : copy_(new Copy{cuda::Staging(bytes)}) {
  refuse_while_recording("a copy to the host");
  copy(context, copy_->staging.data(), from, bytes, cudaMemcpyDeviceToHost);
  copy_->staging.mark(stream_of(context));
}
Readback::~Readback() = default;
Readback::Readback(Readback&&) noexcept = default;
Readback& Readback::operator=(Readback&&) noexcept = default;
const void* Readback::wait() const {
  const KernelTimer timer(kWait);
  return copy_->staging.wait();
}

void clear_bytes(const Context& context, void* to, std::size_t bytes) {
  check_cuda(cudaMemsetAsync(to, 0, bytes, stream_of(context)), "cudaMemsetAsync");
}

void begin_trace_range(const char* name) {
  nvtxRangePushA(name);
}
void end_trace_range() {
  nvtxRangePop();
}

}  // namespace seqpe::kernels
